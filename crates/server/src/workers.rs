//! Background work of a node: jobs of large batches of codes, expired holds, old Idempotency-Keys, allowances of quota
//! accounts, usage by the hour, replaced registries, old deliveries of webhooks, metrics upkeep.
//!
//! Every node runs it: each step is one small transaction of one tenant, and harmless when another node was first.

use std::time::Duration;

use base::id::{RequestId, TenantId};
use base::{Code, Environment, Fault, Service};
use kernel::spine::Call;
use kernel::usage::{self, Source};
use kernel::{Actor, Caller, Ctx, Kernel, idempotency, ledger, tenancy, webhooks};
use metrics_exporter_prometheus::PrometheusHandle;
use services::citizen::registry::imported;
use services::codes::Codes;
use services::quota::command as quota;
use tokio::sync::watch;

const ROUND: Duration = Duration::from_secs(30);
/// Somebody waits for a batch.
const BATCHES_ROUND: Duration = Duration::from_secs(1);
/// Before batches are looked at again.
const AFTER_A_FAILURE: Duration = Duration::from_secs(5);
const TENANTS_A_PAGE: i64 = 200;
/// Rows of one transaction, so that requests get their turn in between.
const CHUNK: i64 = 500;
/// Each has rows of its own.
const DELIVERIES_A_CHUNK: i64 = 100;
const CHUNK_SUMS: usize = 500;

/// Who does the background work of an installation.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Background {
    /// This process.
    Here,
    /// An `attestry worker`.
    Elsewhere,
}

/// Keeps the metrics small and, where the work is done here, sweeps: every 30 seconds until `stop`.
pub async fn run(
    kernel: Kernel,
    metrics: PrometheusHandle,
    background: Background,
    mut stop: watch::Receiver<bool>,
) {
    loop {
        tokio::select! {
            _ = stop.wait_for(|stopping| *stopping) => return,
            () = idle(ROUND) => {}
        }
        metrics.run_upkeep();
        if background == Background::Elsewhere {
            continue;
        }
        // A round that is cut between two transactions is as good as one that was never begun.
        tokio::select! {
            biased;
            _ = stop.wait_for(|stopping| *stopping) => return,
            swept = sweep(&kernel) => if let Err(fault) = swept {
                tracing::warn!(?fault, "a sweep was cut short and will be repeated");
            }
        }
    }
}

/// Makes large batches of codes ready, beside the sweeping, so that neither waits for the other, until `stop`.
pub async fn make_ready(codes: Codes, mut stop: watch::Receiver<bool>) {
    loop {
        let round = async {
            match codes.run_due().await {
                Ok(()) => idle(BATCHES_ROUND).await,
                Err(fault) => {
                    tracing::warn!(?fault, "batches of codes wait for the next round");
                    idle(AFTER_A_FAILURE).await;
                }
            }
        };
        tokio::select! {
            biased;
            _ = stop.wait_for(|stopping| *stopping) => return,
            () = round => {}
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "a worker that found nothing to do waits for the next round")]
async fn idle(time: Duration) {
    tokio::time::sleep(time).await;
}

/// One round over all tenants, and over what is left of registries that were replaced.
///
/// # Errors
/// When the database is away or takes no writes: the next round goes on.
pub async fn sweep(kernel: &Kernel) -> Result<(), Fault> {
    let tenants = sweep_tenants(kernel).await;
    imported::sweep(kernel).await?;
    tenants
}

/// A tenant whose rows cannot be swept is logged, and the others get their turn.
async fn sweep_tenants(kernel: &Kernel) -> Result<(), Fault> {
    let mut after: Option<TenantId> = None;
    loop {
        let page = kernel.db.read(move |tx| tenancy::list(tx, after, TENANTS_A_PAGE)).await?;
        let Some(last) = page.last() else { return Ok(()) };
        after = Some(last.tenant_id);
        for tenant in page {
            let tenant_id = tenant.tenant_id;
            for swept in sweep_tenant(kernel, tenant_id).await {
                let Err(fault) = swept else { continue };
                let status = kernel.db.status();
                if !status.reachable || !status.writable {
                    return Err(fault);
                }
                tracing::warn!(%tenant_id, ?fault, "a tenant was not swept to the end and will be tried again");
            }
        }
    }
}

/// Looks without a lock first: with nothing due, no write transaction is opened.
async fn sweep_tenant(kernel: &Kernel, tenant_id: TenantId) -> [Result<(), Fault>; 5] {
    let now = kernel.clock.now();
    let look = move |tx: &mut db::Tx<'_>| {
        let (holds, replies) =
            (ledger::is_any_due(tx, tenant_id, now)?, idempotency::has_old(tx, tenant_id, now)?);
        let mut sources = Vec::new();
        for &source in services::USAGE {
            if usage::is_due(tx, tenant_id, source, now)? {
                sources.push(source);
            }
        }
        let webhook = webhooks::find_swept(tx, tenant_id, now)?;
        Ok((holds, replies, sources, quota::is_refill_due(tx, tenant_id, now)?, webhook))
    };
    let (has_holds, has_replies, sources, waiting, webhook) = match kernel.db.read(look).await {
        Ok(found) => found,
        Err(fault) => return [Err(fault), Ok(()), Ok(()), Ok(()), Ok(())],
    };
    [
        if has_holds { expire_holds(kernel, tenant_id).await } else { Ok(()) },
        if has_replies { forget_replies(kernel, tenant_id).await } else { Ok(()) },
        fold_usage(kernel, tenant_id, sources).await,
        refill(kernel, tenant_id, waiting).await,
        if webhook.is_some() { forget_deliveries(kernel, tenant_id).await } else { Ok(()) },
    ]
}

/// Batch after batch until every row that is old enough is in the sums, or another node does the same.
async fn fold_usage(
    kernel: &Kernel,
    tenant_id: TenantId,
    sources: Vec<&'static Source>,
) -> Result<(), Fault> {
    for source in sources {
        while fold_batch(kernel, tenant_id, source).await? {}
    }
    Ok(())
}

/// Whether there may be more to do.
async fn fold_batch(kernel: &Kernel, tenant_id: TenantId, source: &'static Source) -> Result<bool, Fault> {
    let now = kernel.clock.now();
    kernel.db.write(tenant_id, |_| Ok(())).await?;
    let planned = kernel.db.read(move |tx| usage::plan(tx, tenant_id, source, now)).await?;
    let Some(batch) = planned else { return Ok(false) };
    for step in batch.steps(CHUNK_SUMS) {
        let is_written = kernel.db.write(tenant_id, move |tx| usage::apply(tx, &step, now)).await?;
        if !is_written {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Fills up the quota accounts whose allowance is due in these environments.
async fn refill(kernel: &Kernel, tenant_id: TenantId, environments: Vec<Environment>) -> Result<(), Fault> {
    for environment in environments {
        loop {
            let caller = Caller {
                tenant_id,
                environment,
                service: Service::Quota,
                actor: Actor::System { worker: "refill" },
                scopes: Vec::new(),
            };
            let call = Call {
                caller,
                request_id: RequestId::new(kernel.clock.now(), kernel.random.id_bits()),
                route: "refill",
                idempotency_key: None,
                fingerprint: Default::default(),
            };
            match kernel.run(call, &quota::REFILL, (), quota::refill_due).await {
                Ok(_) => {}
                Err(fault) if fault.code == Code::NotFound => break,
                Err(fault) => return Err(fault),
            }
        }
    }
    Ok(())
}

async fn expire_holds(kernel: &Kernel, tenant_id: TenantId) -> Result<(), Fault> {
    loop {
        let worker = kernel.clone();
        let expired = kernel
            .db
            .write(tenant_id, move |tx| {
                let now = worker.clock.now();
                let request_id = RequestId::new(now, worker.random.id_bits());
                let actor = Actor::System { worker: "holds" };
                let ctx =
                    Ctx::new(tenant_id, Environment::Live, actor, request_id, now, worker.random.clone());
                ledger::expire_due(tx, &ctx, CHUNK)
            })
            .await?;
        if expired == 0 {
            return Ok(());
        }
    }
}

async fn forget_replies(kernel: &Kernel, tenant_id: TenantId) -> Result<(), Fault> {
    loop {
        let now = kernel.clock.now();
        let forgotten =
            kernel.db.write(tenant_id, move |tx| idempotency::sweep(tx, tenant_id, now, CHUNK)).await?;
        if forgotten == 0 {
            return Ok(());
        }
    }
}

/// Chunk after chunk of one webhook after the other.
async fn forget_deliveries(kernel: &Kernel, tenant_id: TenantId) -> Result<(), Fault> {
    loop {
        let now = kernel.clock.now();
        let find = move |tx: &mut db::Tx<'_>| webhooks::find_swept(tx, tenant_id, now);
        let Some(endpoint_id) = kernel.db.read(find).await? else { return Ok(()) };
        let sweep =
            move |tx: &mut db::Tx<'_>| webhooks::sweep(tx, tenant_id, endpoint_id, now, DELIVERIES_A_CHUNK);
        if kernel.db.write(tenant_id, sweep).await? == 0 {
            return Ok(());
        }
    }
}
