//! The flusher: calls that arrive together are decided and committed together.
//!
//! One lane per tenant. A lane never waits for a timer: while one flush commits, the next gathers, so latency is one
//! commit, and a hot account costs one row update per flush instead of per call.
//! A flush that fails unexpectedly is halved and tried again, so that one bad row fails alone.

mod alert;
mod batch;
mod known;
mod queue;
mod store;

use std::collections::HashMap;
use std::mem;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use base::id::{KeyId, TenantId};
use base::{Code, Fault, Secret};
use db::{Engine, Tx};
use kernel::Kernel;
use tokio::sync::oneshot;

use super::index::Entry;
use super::model::Verdict;
use known::Known;
use queue::{Answer, Queue};

pub(super) use queue::Answered;
pub(super) use store::{POSTGRES_STATEMENTS, SQLITE_STATEMENTS, STATEMENTS};

/// Single calls of one flush.
const BATCH_MAX: usize = 1024;
/// Asks of bulk calls of one flush, beside the single calls. The more there are, the fewer rows of accounts and pages
/// of the log each of them writes; what they cost is the time that a single call waits for the flush before its own.
const BULK_BATCH_MAX: usize = 8192;
/// Asks that one bulk call may have in a lane at a time.
pub(super) const BULK_MAX: usize = 1024;
/// Turns of the scheduler that a flush lets pass for calls that are about to come.
const GATHER_TURNS_MAX: usize = 16;
/// Calls that may wait in a lane; beyond it callers are told to come back.
const QUEUE_MAX: usize = 8192;
/// The same for the asks of bulk calls, which are read and held in memory while they wait.
const BULK_QUEUE_MAX: usize = 65_536;

/// One call, as the flusher needs it.
#[derive(Debug)]
pub(super) struct Ask {
    pub(super) token: Arc<Entry>,
    pub(super) count: i64,
    pub(super) is_dry_run: bool,
    pub(super) idempotency_key: Option<Secret>,
    pub(super) request_id: base::id::RequestId,
    /// The management key that asks in a bulk call; a token that asks for itself brings none.
    pub(super) key_id: Option<KeyId>,
}

/// Hands calls to the lanes of their tenants. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Flusher(Arc<Lanes>);

#[derive(Debug)]
struct Lanes {
    kernel: Kernel,
    lanes: Mutex<HashMap<TenantId, Arc<Lane>>>,
    known: Arc<Mutex<Known>>,
}

/// The calls of one tenant that wait for the next flush.
#[derive(Debug)]
pub(super) struct Lane {
    tenant_id: TenantId,
    kernel: Kernel,
    known: Arc<Mutex<Known>>,
    waiting: Mutex<Waiting>,
}

#[derive(Debug)]
struct Waiting {
    single: Queue,
    bulk: Queue,
    /// Somebody will flush these calls: nobody else need see to it.
    is_scheduled: bool,
}

impl Waiting {
    fn is_empty(&self) -> bool {
        self.single.is_empty() && self.bulk.is_empty()
    }
}

/// The calls of one flush, fixed when its transaction begins.
#[derive(Debug, Default)]
struct Batch {
    asks: OnceLock<Vec<Ask>>,
    answers: Mutex<Vec<Answer>>,
    /// Calls were left in the lane, or kept out of it, for the same task to flush next.
    is_followed: AtomicBool,
}

impl Flusher {
    #[must_use]
    pub fn new(kernel: Kernel) -> Self {
        Self(Arc::new(Lanes { kernel, lanes: Mutex::default(), known: Arc::default() }))
    }

    pub(super) fn lane(&self, tenant_id: TenantId) -> Arc<Lane> {
        let mut lanes = self.0.lanes.lock().unwrap_or_else(PoisonError::into_inner);
        let lane = lanes.entry(tenant_id).or_insert_with(|| {
            let waiting = Waiting {
                single: Queue::new(QUEUE_MAX),
                bulk: Queue::new(BULK_QUEUE_MAX),
                is_scheduled: false,
            };
            let (kernel, known) = (self.0.kernel.clone(), Arc::clone(&self.0.known));
            Arc::new(Lane { tenant_id, kernel, known, waiting: Mutex::new(waiting) })
        });
        Arc::clone(lane)
    }
}

impl Lane {
    pub(super) const fn tenant_id(&self) -> TenantId {
        self.tenant_id
    }

    /// Waits for the commit that decides this call.
    ///
    /// # Errors
    /// [`Code::Unavailable`] when the lane is full or the database is; [`Code::Internal`].
    pub(super) async fn ask(self: &Arc<Self>, ask: Ask) -> Result<Verdict, Fault> {
        let answered = self.enqueue(|waiting| &mut waiting.single, vec![ask])?;
        let mut answered = answered.await.map_err(|_| shutting_down())?;
        answered.pop().unwrap_or_else(|| Err(shutting_down()))
    }

    /// The same for up to [`BULK_MAX`] asks of one call, which are decided in their order, each on its own. Single
    /// calls do not queue behind them.
    ///
    /// # Errors
    /// [`Code::Unavailable`] when the lane is full: nothing was decided.
    pub(super) async fn ask_many(self: &Arc<Self>, asks: Vec<Ask>) -> Result<Answered, Fault> {
        self.enqueue(|waiting| &mut waiting.bulk, asks)?.await.map_err(|_| shutting_down())
    }

    /// Whoever finds that nobody will flush this lane sees to it.
    fn enqueue(
        self: &Arc<Self>,
        queue: impl FnOnce(&mut Waiting) -> &mut Queue,
        asks: Vec<Ask>,
    ) -> Result<oneshot::Receiver<Answered>, Fault> {
        let (answer, answered) = oneshot::channel();
        let is_scheduled = {
            let mut waiting = self.lock();
            queue(&mut waiting).push(asks, answer)?;
            mem::replace(&mut waiting.is_scheduled, true)
        };
        if !is_scheduled {
            tokio::spawn(Arc::clone(self).flush_until_idle());
        }
        Ok(answered)
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn flush_until_idle(self: Arc<Self>) {
        loop {
            self.gather().await;
            let batch = Arc::new(Batch::default());
            let written = self.write(Arc::clone(&batch)).await;
            // A write that was refused never began: its calls are still in the lane, and hear of it, too.
            let calls = self.begin(&batch).len();
            let verdicts = match written {
                Ok(verdicts) => verdicts.into_iter().map(Ok).collect(),
                Err(fault) if fault.code == Code::Internal && calls > 1 => {
                    tracing::error!(?fault, calls, "a flush failed and is halved");
                    self.flush_halves(&batch).await
                }
                Err(fault) => (0..calls).map(|_| Err(again(&fault))).collect(),
            };
            batch.answer(verdicts);
            if !batch.is_followed.load(Ordering::SeqCst) || self.is_idle() {
                return;
            }
        }
    }

    /// Not a wait: requests that are ready to run get their turn, for as long as each turn brings more calls.
    async fn gather(&self) {
        let mut calls = 0;
        for _ in 0..GATHER_TURNS_MAX {
            tokio::task::yield_now().await;
            let now = {
                let waiting = self.lock();
                waiting.single.len() + waiting.bulk.len()
            };
            if now == calls {
                return;
            }
            calls = now;
        }
    }

    async fn write(self: &Arc<Self>, batch: Arc<Batch>) -> Result<Vec<Verdict>, Fault> {
        let lane = Arc::clone(self);
        let decide = move |tx: &mut Tx<'_>| {
            let asks = lane.begin(&batch);
            batch::decide(tx, &lane.kernel, lane.tenant_id, asks, &lane.known)
        };
        self.kernel.db.write(self.tenant_id, decide).await
    }

    /// The calls of a flush: all that wait when its transaction begins, which on SQLite is when the writer is free.
    fn begin<'a>(&self, batch: &'a Batch) -> &'a [Ask] {
        batch.asks.get_or_init(|| {
            let mut waiting = self.lock();
            let (mut asks, mut answers) = waiting.single.take(BATCH_MAX);
            let (bulk_asks, bulk_answers) = waiting.bulk.take(BULK_BATCH_MAX);
            asks.extend(bulk_asks);
            answers.extend(bulk_answers);
            // SQLite's writer takes one flush after the other, so the next may queue up while this one commits.
            // PostgreSQL would run both at once, and they would wait for each other's locks.
            let is_followed = self.kernel.db.engine() == Engine::Postgres || !waiting.is_empty();
            waiting.is_scheduled = is_followed;
            batch.is_followed.store(is_followed, Ordering::SeqCst);
            *batch.answers.lock().unwrap_or_else(PoisonError::into_inner) = answers;
            asks
        })
    }

    /// Whether nothing waits; then the next call schedules a flush of its own.
    fn is_idle(&self) -> bool {
        let mut waiting = self.lock();
        waiting.is_scheduled = !waiting.is_empty();
        !waiting.is_scheduled
    }

    /// One verdict per ask, in order. Halves what fails unexpectedly, until the bad ask stands alone.
    async fn flush_halves(self: &Arc<Self>, batch: &Arc<Batch>) -> Answered {
        let calls = self.begin(batch).len();
        let mut verdicts = Vec::with_capacity(calls);
        let mut ranges = vec![calls / 2..calls, 0..calls / 2];
        while let Some(range) = ranges.pop() {
            let (lane, half, part) = (Arc::clone(self), Arc::clone(batch), range.clone());
            let decide = move |tx: &mut Tx<'_>| {
                let asks = half.asks.get().expect("the batch has begun");
                batch::decide(tx, &lane.kernel, lane.tenant_id, &asks[part.clone()], &lane.known)
            };
            match self.kernel.db.write(self.tenant_id, decide).await {
                Ok(decided) => verdicts.extend(decided.into_iter().map(Ok)),
                Err(fault) if fault.code == Code::Internal && range.len() > 1 => {
                    tracing::error!(?fault, calls = range.len(), "a flush failed and is halved");
                    let middle = usize::midpoint(range.start, range.end);
                    ranges.push(middle..range.end);
                    ranges.push(range.start..middle);
                }
                Err(fault) => verdicts.extend(range.map(|_| Err(again(&fault)))),
            }
        }
        verdicts
    }
}

impl Batch {
    fn answer(&self, verdicts: Answered) {
        let answers = mem::take(&mut *self.answers.lock().unwrap_or_else(PoisonError::into_inner));
        let mut verdicts = verdicts.into_iter();
        for answer in answers {
            let asks = answer.asks();
            answer.send(verdicts.by_ref().take(asks).collect());
        }
    }
}

fn shutting_down() -> Fault {
    Fault::unavailable("The server is shutting down. Please retry.")
}

/// The same fault for each caller of a batch.
fn again(fault: &Fault) -> Fault {
    let copy = Fault::new(fault.code, fault.detail.clone()).caused_by(format!("{fault:?}"));
    Fault { retry_after_s: fault.retry_after_s, ..copy }
}
