//! The registry of citizens: imports, and what a look-up finds meanwhile.

mod faults;
mod imports;
mod refusals;
mod replacing;

use base::Fault;
use db::{Tx, args};
use serde_json::{Value, json};
use services::citizen::registry::imported;
use services::citizen::registry::{Found, Record, RecordStatus};

use crate::fixture::{Ask, Reply, World};

const IMPORTS: &str = "/operator/v1/registry/imports";

/// What the tables hold of all imports.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Rows {
    records: i64,
    staged: i64,
    audits: i64,
}

fn rows(tx: &mut Tx<'_>) -> Result<Rows, Fault> {
    const RECORDS: &str = "SELECT COUNT(*) FROM registry_record";
    const STAGED: &str = "SELECT COUNT(*) FROM registry_staged";
    const AUDITS: &str = "SELECT COUNT(*) FROM audit WHERE action LIKE 'citizen.registry.%'";
    let mut count = |sql| tx.one(sql, args![], |row| row.int(0));
    Ok(Rows { records: count(RECORDS)?, staged: count(STAGED)?, audits: count(AUDITS)? })
}

impl World {
    async fn registry_rows(&self) -> Rows {
        self.app.kernel.db.read(rows).await.unwrap()
    }

    async fn find(&self, number: &str) -> Option<Found> {
        let (secrets, number) = (self.app.kernel.secrets.clone(), number.to_owned());
        self.app.kernel.db.read(move |tx| imported::find(tx, &secrets, &number)).await.unwrap()
    }

    async fn operator_ask(&self, ask: Ask) -> Reply {
        ask.bearer(&self.operator_token()).send(self.operator()).await
    }

    async fn begin_import(&self, environment: &str) -> i64 {
        let begun = self.operate("POST", IMPORTS, json!({ "environment": environment })).await;
        begun["import"].as_i64().unwrap()
    }

    /// One part as it is sent.
    async fn send_rows(&self, import: i64, part: i64, rows: &str) -> Reply {
        let ask = Ask::post(&format!("{IMPORTS}/{import}/rows?part={part}"));
        self.operator_ask(ask.header("content-type", "text/csv").body(rows.to_owned())).await
    }

    /// All steps of merging; what each rejected.
    async fn merge_import(&self, import: i64) -> Vec<Value> {
        let (mut bucket, mut rejected) = (json!(0), Vec::new());
        while bucket != json!(256) {
            let merged =
                self.operate("POST", &format!("{IMPORTS}/{import}/merge"), json!({ "bucket": bucket })).await;
            rejected.extend(merged["rejected"].as_array().unwrap().iter().cloned());
            bucket = merged["nextBucket"].clone();
        }
        rejected
    }

    async fn finish_import(&self, import: i64) -> Value {
        self.operate("POST", &format!("{IMPORTS}/{import}/finish"), json!({})).await
    }

    /// A whole import of right rows.
    pub(crate) async fn import(&self, environment: &str, rows: &str) -> i64 {
        let import = self.begin_import(environment).await;
        let appended = self.send_rows(import, 0, rows).await.expect(200);
        assert_eq!(appended["rejected"], json!([]));
        assert_eq!(self.merge_import(import).await, Vec::<Value>::new());
        assert_eq!(self.finish_import(import).await["state"], "active");
        import
    }
}

/// Citizens with this name, one a number from `numbers`.
fn citizens(numbers: std::ops::Range<u64>, name: &str) -> String {
    let row = |number: u64| format!("{number},{},{name},1990-01-31,active\n", number_of(number));
    numbers.map(row).collect()
}

fn number_of(number: u64) -> String {
    format!("{:011}", 30_000_000_000 + number)
}

fn record(name: &str, date_of_birth: &str, status: RecordStatus) -> Option<Found> {
    Some(Found::Record(Record {
        full_name: name.to_owned(),
        date_of_birth: date_of_birth.to_owned(),
        status,
    }))
}
