//! The registry that `dev`'s live keys see: a small sample, imported as an operator would.

use std::fmt::Write;
use std::sync::Arc;

use base::id::RequestId;
use base::{Environment, Fault, Service};
use kernel::spine::Call;
use kernel::{Actor, Caller, tenancy};
use services::citizen::registry::imported::{self, ABORT, BEGIN, FINISH};
use services::citizen::registry::{Record, sample};

use crate::app::App;

const ACTOR: &str = "dev";
const SEED: u64 = 1;
const ROWS: u64 = 1000;

/// Imports the sample, unless the operator has imported anything.
pub(super) async fn ensure(app: &App) -> Result<(), Fault> {
    let kernel = &app.kernel;
    let imports = kernel.db.read(imported::list).await?;
    for import in imports.iter().filter(|import| import.environment == "live") {
        match import.state.as_str() {
            // Its own, from a start that was cut short.
            "loading" if import.begun_by == ACTOR => {
                kernel.run(call(app), &ABORT, import.import, imported::abort).await?;
            }
            "loading" | "active" => return Ok(()),
            _ => {}
        }
    }
    let secrets = Arc::clone(&kernel.secrets);
    let import = kernel.run(call(app), &BEGIN, secrets, imported::begin).await?.value.import;
    imported::append(kernel, call(app), import, 0, rows()).await?;
    let mut next = imported::merge(kernel, call(app), import, 0).await?;
    while next.next_bucket < next.buckets {
        next = imported::merge(kernel, call(app), import, next.next_bucket).await?;
    }
    kernel.run(call(app), &FINISH, import, imported::finish).await?;
    Ok(())
}

/// A citizen of the sample, and the number to find them by.
pub(super) fn citizen(index: u64) -> (String, Record) {
    sample::row(SEED, index)
}

fn rows() -> String {
    (0..ROWS).fold(String::new(), |mut rows, index| {
        let (number, record) = citizen(index);
        let (name, birth, status) = (record.full_name, record.date_of_birth, record.status.name());
        writeln!(rows, "{index},{number},{name},{birth},{status}").expect("a String takes everything");
        rows
    })
}

fn call(app: &App) -> Call {
    let kernel = &app.kernel;
    Call {
        caller: Caller {
            tenant_id: tenancy::INSTALLATION,
            environment: Environment::Live,
            service: Service::Citizen,
            actor: Actor::Operator { name: ACTOR.to_owned() },
            scopes: Vec::new(),
        },
        request_id: RequestId::new(kernel.clock.now(), kernel.random.id_bits()),
        route: "attestry dev",
        idempotency_key: None,
        fingerprint: Default::default(),
    }
}
