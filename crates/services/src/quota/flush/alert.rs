//! What a flush makes worth telling the tenant: events that leave when, and only when, its charges commit.

use base::id::TenantId;
use base::{Fault, Service, Timestamp};
use db::Tx;
use kernel::ctx::Event;
use kernel::{Actor, Ctx, Kernel, outbox};
use serde_json::json;

use super::{Ask, store};
use crate::quota::model::Alert;
use crate::quota::store::account;

/// Writes the events of decided asks whose accounts are locked.
pub(super) fn write(
    tx: &mut Tx<'_>,
    kernel: &Kernel,
    tenant_id: TenantId,
    now: Timestamp,
    alerts: &[(&Ask, Alert)],
) -> Result<(), Fault> {
    for (ask, alert) in alerts {
        let token = &ask.token;
        if matches!(alert, Alert::Exhausted { .. }) {
            store::set_exhausted(tx, tenant_id, &token.account_text)?;
        }
        let account = account::find(tx, tenant_id, token.account_id)?;
        let external_id = account.and_then(|account| account.external_id);
        let event = event(*alert, &token.account_text, external_id.as_deref(), now);
        let actor = Actor::System { worker: "quota" };
        let random = kernel.random.clone();
        let ctx = Ctx::new(tenant_id, token.environment, actor, ask.request_id, now, random);
        outbox::write(tx, &ctx, &[event])?;
    }
    Ok(())
}

fn event(alert: Alert, account: &str, external_id: Option<&str>, now: Timestamp) -> Event {
    let (kind, balance, threshold) = match alert {
        Alert::Low { balance, threshold } => ("balance.low", balance, Some(threshold)),
        Alert::Exhausted { balance } => ("balance.exhausted", balance, None),
    };
    let mut data = json!({ "accountId": account, "externalId": external_id, "balance": balance });
    if let Some(threshold) = threshold {
        data["threshold"] = threshold.into();
    }
    Event { service: Service::Quota, kind, payload: outbox::standard_body(kind, now, &data) }
}
