//! The delivery of webhooks: number events, claim deliveries, send them, record what came of it.
//!
//! Every node does it, and `attestry worker`: what a node claims is leased, and what it leaves behind is due again.
//! Nothing is promised to be sent once only: a node may die between an answer and its record.
//!
//! Events are found by looking [`POLL`] after [`POLL`], which costs a look at an empty index, rather than by a word
//! from those who write them: so events of another node, or of a transaction whose word was lost, leave as fast.

mod attempt;

use std::sync::Arc;
use std::time::Duration;

use base::id::{EndpointId, TenantId};
use base::{Environment, Fault};
use kernel::Kernel;
use kernel::webhooks::{self, Claimed, Outcome, SigningSecrets, signing_secrets};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, mpsc, watch};
use tokio::task::JoinSet;
use web::destination::Network;

use crate::outbound::Outbound;

/// How many deliveries a node has under way.
const UNDER_WAY_MAX: usize = 512;
/// How many deliveries of one endpoint are claimed at a time.
const ENDPOINT_UNDER_WAY_MAX: usize = 64;
/// How many endpoints, and environments with new events, are taken up in one step.
const PLACES_A_STEP: usize = 64;
/// Events that are numbered in one transaction.
const EVENTS_A_CHUNK: i64 = 500;
/// Outcomes that are recorded in one transaction.
const OUTCOMES_A_CHUNK: usize = 512;
/// How long an idle node waits before it looks again.
const POLL: Duration = Duration::from_millis(50);
/// How long it waits while the database is away.
const PAUSE: Duration = Duration::from_secs(1);
/// How long what is under way at a stop may still take. What takes longer is sent again, by whoever is first.
const DRAIN_MAX: Duration = Duration::from_secs(4);
/// How often a record is tried before its deliveries are left to the end of their leases.
const RECORD_TRIES: u32 = 3;

/// What the steps share. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Webhooks {
    pub kernel: Kernel,
    pub outbound: Outbound,
}

impl Webhooks {
    /// # Errors
    /// When no client can be made.
    pub fn new(kernel: Kernel, receivers: Network) -> Result<Self, Fault> {
        Ok(Self { kernel, outbound: Outbound::new(receivers, None)? })
    }
}

/// An outcome, and the place under way that it gives back once it is recorded.
type Ended = (Outcome, OwnedSemaphorePermit);

/// Delivers until `stop` says so.
pub async fn run(webhooks: Webhooks, stop: watch::Receiver<bool>) {
    let places = Arc::new(Semaphore::new(UNDER_WAY_MAX));
    let (ended, outcomes) = mpsc::channel(UNDER_WAY_MAX);
    let wake = Arc::new(Notify::new());
    let recorder = tokio::spawn(record_all(webhooks.kernel.clone(), outcomes, Arc::clone(&wake)));
    // Apart, so that many new events do not hold up those that have their numbers.
    let numbering = tokio::spawn(number_all(webhooks.kernel.clone(), Arc::clone(&wake), stop.clone()));
    send_all(&webhooks, &places, &ended, &wake, stop).await;
    drop((numbering.await, ended));
    if tokio::time::timeout(DRAIN_MAX, recorder).await.is_err() {
        tracing::info!("webhooks under way were left, and will be sent again");
    }
}

/// Numbers what is new until `stop` says so, and wakes those who send.
async fn number_all(kernel: Kernel, wake: Arc<Notify>, mut stop: watch::Receiver<bool>) {
    while !*stop.borrow() {
        let numbered = number(&kernel).await.map(|numbered| numbered > 0);
        if matches!(numbered, Ok(true)) {
            wake.notify_one();
            continue;
        }
        tokio::select! {
            _ = stop.wait_for(|stopping| *stopping) => return,
            () = idle(wait_after(numbered)) => {}
        }
    }
}

/// Sends what is due until `stop` says so.
async fn send_all(
    webhooks: &Webhooks,
    places: &Arc<Semaphore>,
    ended: &mpsc::Sender<Ended>,
    wake: &Notify,
    mut stop: watch::Receiver<bool>,
) {
    while !*stop.borrow() {
        let sent = send(webhooks, places, ended).await;
        if matches!(sent, Ok(true)) {
            continue;
        }
        tokio::select! {
            _ = stop.wait_for(|stopping| *stopping) => return,
            () = wake.notified() => {}
            () = idle(wait_after(sent)) => {}
        }
    }
}

/// How long to wait after a step that found nothing to do, or could not be taken.
fn wait_after(step: Result<bool, Fault>) -> Duration {
    match step {
        Ok(_) => POLL,
        Err(fault) => {
            tracing::warn!(?fault, "webhooks were not taken up, and will be");
            PAUSE
        }
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "a worker that found nothing to do waits before it looks again"
)]
async fn idle(duration: Duration) {
    tokio::time::sleep(duration).await;
}

/// Sends off what is due, as far as there are free places. Says whether there was anything.
async fn send(
    webhooks: &Webhooks,
    places: &Arc<Semaphore>,
    ended: &mpsc::Sender<Ended>,
) -> Result<bool, Fault> {
    let claimed = claim(&webhooks.kernel, places).await?;
    let has_sent = !claimed.is_empty();
    for (claimed, mut reserved) in claimed {
        let Some((endpoint, secrets)) = opened(&webhooks.kernel, &claimed) else { continue };
        for leased in claimed.deliveries {
            let place = reserved.split(1).expect("a place was reserved for each");
            let (webhooks, ended) = (webhooks.clone(), ended.clone());
            let (endpoint, secrets) = (Arc::clone(&endpoint), Arc::clone(&secrets));
            tokio::spawn(async move {
                let outcome = attempt::attempt(&webhooks, &endpoint, &secrets, leased).await;
                // Without a recorder the process is at its end.
                drop(ended.send((outcome, place)).await);
            });
        }
    }
    Ok(has_sent)
}

/// Everything once, to its end: for tests and for whoever has to know when it is done. Says how many were sent.
///
/// # Errors
/// A database failure.
pub async fn round(webhooks: &Webhooks) -> Result<usize, Fault> {
    while number(&webhooks.kernel).await? > 0 {}
    let places = Arc::new(Semaphore::new(UNDER_WAY_MAX));
    let mut attempts = JoinSet::new();
    for (claimed, _reserved) in claim(&webhooks.kernel, &places).await? {
        let Some((endpoint, secrets)) = opened(&webhooks.kernel, &claimed) else { continue };
        for leased in claimed.deliveries {
            let webhooks = webhooks.clone();
            let (endpoint, secrets) = (Arc::clone(&endpoint), Arc::clone(&secrets));
            attempts.spawn(async move { attempt::attempt(&webhooks, &endpoint, &secrets, leased).await });
        }
    }
    let outcomes = attempts.join_all().await;
    let sent = outcomes.len();
    record(&webhooks.kernel, outcomes).await?;
    Ok(sent)
}

/// Numbers up to a chunk of events in each of some environments. Says how many.
async fn number(kernel: &Kernel) -> Result<usize, Fault> {
    let places = kernel.db.read(|tx| webhooks::unnumbered(tx, None, PLACES_A_STEP)).await?;
    let mut writes = JoinSet::new();
    for (tenant_id, environment) in places {
        writes.spawn(number_chunk(kernel.clone(), tenant_id, environment));
    }
    let mut numbered = 0;
    for outcome in writes.join_all().await {
        numbered += outcome?;
    }
    Ok(numbered)
}

async fn number_chunk(kernel: Kernel, tenant_id: TenantId, environment: Environment) -> Result<usize, Fault> {
    let worker = kernel.clone();
    kernel
        .db
        .write(tenant_id, move |tx| {
            let now = worker.clock.now();
            webhooks::number(tx, tenant_id, environment, now, &worker.random, EVENTS_A_CHUNK)
        })
        .await
}

/// Leases what is due, each with its place. Of the free places an endpoint is offered an eighth at most, so that there
/// are some left for the next.
async fn claim(
    kernel: &Kernel,
    places: &Arc<Semaphore>,
) -> Result<Vec<(Claimed, OwnedSemaphorePermit)>, Fault> {
    if places.available_permits() == 0 {
        return Ok(Vec::new());
    }
    let now = kernel.clock.now();
    let limit = i64::try_from(PLACES_A_STEP).map_err(Fault::internal)?;
    let due = kernel.db.read(move |tx| webhooks::due(tx, now, limit)).await?;
    let mut writes = JoinSet::new();
    for (tenant_id, endpoint_id) in due {
        let wanted = places.available_permits().div_ceil(8).min(ENDPOINT_UNDER_WAY_MAX);
        let reserved = u32::try_from(wanted).ok().filter(|wanted| *wanted > 0);
        let Some(reserved) =
            reserved.and_then(|wanted| Arc::clone(places).try_acquire_many_owned(wanted).ok())
        else {
            break;
        };
        writes.spawn(claim_of(kernel.clone(), tenant_id, endpoint_id, reserved));
    }
    let mut claimed = Vec::new();
    for outcome in writes.join_all().await {
        match outcome {
            Ok(found) => claimed.extend(found),
            // What the others claimed is leased already, and has to go out.
            Err(fault) => tracing::warn!(?fault, "a webhook was not taken up, and will be"),
        }
    }
    Ok(claimed)
}

async fn claim_of(
    kernel: Kernel,
    tenant_id: TenantId,
    endpoint_id: EndpointId,
    mut reserved: OwnedSemaphorePermit,
) -> Result<Option<(Claimed, OwnedSemaphorePermit)>, Fault> {
    let limit = i64::try_from(reserved.num_permits()).map_err(Fault::internal)?;
    let clock = kernel.clock.clone();
    let claimed = kernel
        .db
        .write(tenant_id, move |tx| webhooks::claim(tx, tenant_id, endpoint_id, clock.now(), limit))
        .await?;
    let Some(claimed) = claimed.filter(|claimed| !claimed.deliveries.is_empty()) else { return Ok(None) };
    let used = reserved.split(claimed.deliveries.len()).expect("no more is claimed than was reserved");
    Ok(Some((claimed, used)))
}

/// The endpoint and what signs for it. What cannot be signed stays leased, and is due again at the lease's end.
fn opened(kernel: &Kernel, claimed: &Claimed) -> Option<(Arc<webhooks::Endpoint>, Arc<SigningSecrets>)> {
    match signing_secrets(&kernel.secrets, &claimed.endpoint, kernel.clock.now()) {
        Ok(secrets) => Some((Arc::new(claimed.endpoint.clone()), Arc::new(secrets))),
        Err(fault) => {
            tracing::error!(webhook = %claimed.endpoint.endpoint_id, ?fault, "a webhook cannot be signed");
            None
        }
    }
}

/// Records outcomes as they come, as many at a time as have gathered, until nobody sends any more.
async fn record_all(kernel: Kernel, mut outcomes: mpsc::Receiver<Ended>, wake: Arc<Notify>) {
    let mut batch = Vec::new();
    while outcomes.recv_many(&mut batch, OUTCOMES_A_CHUNK).await > 0 {
        let (ended, places): (Vec<Outcome>, Vec<OwnedSemaphorePermit>) = batch.drain(..).unzip();
        if let Err(fault) = record(&kernel, ended).await {
            tracing::warn!(?fault, "deliveries were not recorded, and will be repeated");
        }
        drop(places);
        wake.notify_one();
    }
}

/// One transaction for each tenant.
async fn record(kernel: &Kernel, mut outcomes: Vec<Outcome>) -> Result<(), Fault> {
    outcomes.sort_by_key(|outcome| outcome.tenant_id);
    let mut writes = JoinSet::new();
    for outcomes in outcomes.chunk_by(|left, right| left.tenant_id == right.tenant_id) {
        writes.spawn(record_of(kernel.clone(), outcomes.to_vec()));
    }
    writes.join_all().await.into_iter().collect()
}

async fn record_of(kernel: Kernel, outcomes: Vec<Outcome>) -> Result<(), Fault> {
    let Some(tenant_id) = outcomes.first().map(|outcome| outcome.tenant_id) else { return Ok(()) };
    let outcomes = Arc::new(outcomes);
    let mut tries = 1;
    loop {
        let (worker, outcomes) = (kernel.clone(), Arc::clone(&outcomes));
        let write = move |tx: &mut db::Tx<'_>| webhooks::record(tx, &worker, tenant_id, &outcomes);
        match kernel.db.write(tenant_id, write).await {
            Ok(_) => return Ok(()),
            Err(fault) if tries == RECORD_TRIES => return Err(fault),
            Err(_) => idle(POLL * tries).await,
        }
        tries += 1;
    }
}
