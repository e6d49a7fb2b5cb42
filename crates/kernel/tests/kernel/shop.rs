//! Commands for the tests: an order has an effect (a job), an event and a price, and ends as it is told to.

use std::sync::Arc;

use base::{Code, Fault, Service};
use db::Tx;
use kernel::ctx::Event;
use kernel::jobs;
use kernel::spine::{Answer, Audit, Call, Command, Ending, Idempotent, Price, Scope};
use kernel::{Ctx, Kernel};
use serde::{Deserialize, Serialize};

use crate::fixture::{SCOPE, World};

pub(crate) const PRICE_MAX: i64 = 5;

pub(crate) const ORDER: Command = Command {
    name: "test.order",
    scope: Scope::Key(SCOPE),
    price: Price::UpTo(PRICE_MAX),
    audit: Audit::Always,
    idempotent: Idempotent::Optional,
};
pub(crate) const ORDER_AUDITED: Command = Command { audit: Audit::WithRefusals, ..ORDER };
pub(crate) const ORDER_UNAUDITED: Command = Command { audit: Audit::Never, ..ORDER };
pub(crate) const ORDER_REQUIRED: Command = Command { idempotent: Idempotent::Required, ..ORDER };
pub(crate) const ORDER_WITHOUT_KEY: Command = Command { idempotent: Idempotent::No, ..ORDER };
pub(crate) const ORDER_FREE: Command = Command { price: Price::Free, ..ORDER };
pub(crate) const ORDER_OPERATOR: Command =
    Command { scope: Scope::OperatorOnly, audit: Audit::WithRefusals, ..ORDER };

#[derive(Clone, Copy, Debug)]
pub(crate) enum Then {
    Done,
    Refuse,
    Record,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Order {
    pub(crate) units: i64,
    pub(crate) then: Then,
}

pub(crate) const ONE: Order = Order { units: 1, then: Then::Done };

#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) struct Receipt {
    pub(crate) number: u64,
}

pub(crate) fn order(tx: &mut Tx<'_>, ctx: &mut Ctx, order: &Order) -> Result<Ending<Receipt>, Fault> {
    jobs::enqueue(tx, ctx, "effect", "{}", ctx.now)?;
    ctx.emit(Event { service: Service::Citizen, kind: "ordered", payload: "{}".into() });
    ctx.target("order-1");
    ctx.charge(order.units);
    match order.then {
        Then::Done => Ok(Ending::Done(Receipt { number: ctx.random.id_bits() })),
        Then::Refuse => Err(Fault::conflict("sold out")),
        Then::Record => Ok(Ending::Record(Fault::new(Code::Unavailable, "the registry is away"))),
    }
}

pub(crate) async fn buy(kernel: &Kernel, call: Call) -> Result<Answer<Receipt>, Fault> {
    kernel.run(call, &ORDER, ONE, order).await
}

/// All that orders leave behind.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Traces {
    pub(crate) effects: i64,
    pub(crate) events: i64,
    pub(crate) audited: i64,
    pub(crate) charges: i64,
    pub(crate) saved_keys: i64,
}

/// A command that was done, without a key.
pub(crate) const DONE: Traces = Traces { effects: 1, events: 1, audited: 1, charges: 1, saved_keys: 0 };
pub(crate) const NOTHING: Traces = Traces { effects: 0, events: 0, audited: 0, charges: 0, saved_keys: 0 };

pub(crate) async fn traces(world: &Arc<World>) -> Traces {
    Traces {
        effects: world.count("SELECT COUNT(*) FROM job WHERE tenant_id = ?1").await,
        events: world.count("SELECT COUNT(*) FROM outbox WHERE tenant_id = ?1 AND kind = 'ordered'").await,
        audited: world.count("SELECT COUNT(*) FROM audit WHERE tenant_id = ?1").await,
        charges: charges(world).await,
        saved_keys: world.count("SELECT COUNT(*) FROM idempotency WHERE tenant_id = ?1").await,
    }
}

pub(crate) async fn charges(world: &Arc<World>) -> i64 {
    world.count("SELECT COUNT(*) FROM transfer WHERE tenant_id = ?1 AND kind = 'charge'").await
}

/// Leaves exactly `credits` in the wallet.
pub(crate) async fn leave(world: &Arc<World>, credits: i64) {
    let wallet_id = world.wallet_id();
    world
        .write(move |tx, ctx| {
            let wallet = kernel::ledger::lock(tx, ctx.tenant_id, wallet_id)?;
            let hold = kernel::ledger::hold(tx, ctx, wallet_id, wallet.available() - credits, 60)?;
            kernel::ledger::capture(tx, ctx, hold, wallet.available() - credits)
        })
        .await
        .unwrap();
}
