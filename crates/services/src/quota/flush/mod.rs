//! The flusher: calls that arrive together are decided and committed together.
//!
//! One lane per tenant, one flush of a lane at a time. A lane never waits for a timer: while one flush commits, the
//! next gathers, so latency is one commit, and a hot account costs one row update per flush instead of per call.
//! A flush that fails unexpectedly is halved and tried again, so that one bad row fails alone.

mod batch;
mod store;

use std::collections::HashMap;
use std::mem;
use std::sync::{Arc, Mutex, PoisonError};

use base::id::TenantId;
use base::{Code, Fault, Secret};
use kernel::Kernel;
use tokio::sync::oneshot;

use super::index::Entry;
use super::model::Verdict;

pub(super) use store::{POSTGRES_STATEMENTS, STATEMENTS};

/// Calls of one flush.
const BATCH_MAX: usize = 1024;
/// Calls that may wait in a lane; beyond it callers are told to come back.
const QUEUE_MAX: usize = 8192;

/// One call, as the flusher needs it.
#[derive(Debug)]
pub(super) struct Ask {
    pub(super) token: Arc<Entry>,
    pub(super) count: i64,
    pub(super) is_dry_run: bool,
    pub(super) idempotency_key: Option<Secret>,
    pub(super) request_id: base::id::RequestId,
}

type Answer = oneshot::Sender<Result<Verdict, Fault>>;

/// Hands calls to the lanes of their tenants. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Flusher(Arc<Lanes>);

#[derive(Debug)]
struct Lanes {
    kernel: Kernel,
    lanes: Mutex<HashMap<TenantId, Arc<Lane>>>,
}

/// The calls of one tenant that wait for the next flush.
#[derive(Debug)]
pub(super) struct Lane {
    tenant_id: TenantId,
    kernel: Kernel,
    waiting: Mutex<Waiting>,
}

#[derive(Debug, Default)]
struct Waiting {
    asks: Vec<Ask>,
    answers: Vec<Answer>,
    is_flushing: bool,
}

impl Flusher {
    #[must_use]
    pub fn new(kernel: Kernel) -> Self {
        Self(Arc::new(Lanes { kernel, lanes: Mutex::default() }))
    }

    pub(super) fn lane(&self, tenant_id: TenantId) -> Arc<Lane> {
        let mut lanes = self.0.lanes.lock().unwrap_or_else(PoisonError::into_inner);
        let lane = lanes.entry(tenant_id).or_insert_with(|| {
            Arc::new(Lane { tenant_id, kernel: self.0.kernel.clone(), waiting: Mutex::default() })
        });
        Arc::clone(lane)
    }
}

impl Lane {
    /// Waits for the commit that decides this call.
    ///
    /// # Errors
    /// [`Code::Unavailable`] when the lane is full or the database is; [`Code::Internal`].
    pub(super) async fn ask(self: &Arc<Self>, ask: Ask) -> Result<Verdict, Fault> {
        let (answer, verdict) = oneshot::channel();
        if self.enqueue(ask, answer)? {
            tokio::spawn(Arc::clone(self).flush_until_idle());
        }
        verdict.await.map_err(|_| Fault::unavailable("The server is shutting down. Please retry."))?
    }

    /// `true` when nobody is flushing this lane, and the caller must see to it.
    fn enqueue(&self, ask: Ask, answer: Answer) -> Result<bool, Fault> {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.asks.len() >= QUEUE_MAX {
            return Err(Fault::unavailable("Too many calls are waiting. Please retry."));
        }
        waiting.asks.push(ask);
        waiting.answers.push(answer);
        Ok(!mem::replace(&mut waiting.is_flushing, true))
    }

    async fn flush_until_idle(self: Arc<Self>) {
        loop {
            // Not a wait: the requests that are ready to run get their turn, and join this flush.
            tokio::task::yield_now().await;
            let Some((asks, answers)) = self.take() else { return };
            let verdicts = self.flush(Arc::from(asks)).await;
            for (answer, verdict) in answers.into_iter().zip(verdicts) {
                // A caller that went away was charged all the same: its verdict is on disk.
                drop(answer.send(verdict));
            }
        }
    }

    fn take(&self) -> Option<(Vec<Ask>, Vec<Answer>)> {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.asks.is_empty() {
            waiting.is_flushing = false;
            return None;
        }
        let batch = waiting.asks.len().min(BATCH_MAX);
        let (later_asks, later_answers) = (waiting.asks.split_off(batch), waiting.answers.split_off(batch));
        Some((mem::replace(&mut waiting.asks, later_asks), mem::replace(&mut waiting.answers, later_answers)))
    }

    /// One verdict per ask, in order. Halves what fails unexpectedly, until the bad ask stands alone.
    async fn flush(&self, asks: Arc<[Ask]>) -> Vec<Result<Verdict, Fault>> {
        let mut verdicts = Vec::with_capacity(asks.len());
        #[expect(clippy::single_range_in_vec_init, reason = "a list of ranges, which grows, is meant")]
        let mut ranges = vec![0..asks.len()];
        while let Some(range) = ranges.pop() {
            let (kernel, batch, part) = (self.kernel.clone(), Arc::clone(&asks), range.clone());
            let tenant_id = self.tenant_id;
            let written = self
                .kernel
                .db
                .write(tenant_id, move |tx| batch::decide(tx, &kernel, tenant_id, &batch[part.clone()]))
                .await;
            match written {
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

/// The same fault for each caller of a batch.
fn again(fault: &Fault) -> Fault {
    let copy = Fault::new(fault.code, fault.detail.clone()).caused_by(format!("{fault:?}"));
    Fault { retry_after_s: fault.retry_after_s, ..copy }
}
