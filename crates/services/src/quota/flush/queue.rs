//! The asks that wait for a flush, and whom to tell what became of them.

use base::Fault;
use tokio::sync::oneshot;

use super::Ask;
use crate::quota::model::Verdict;

/// What became of the asks of one call, in their order.
pub(in crate::quota) type Answered = Vec<Result<Verdict, Fault>>;

/// Who waits for the next so many asks.
#[derive(Debug)]
pub(super) struct Answer {
    asks: usize,
    sender: oneshot::Sender<Answered>,
}

impl Answer {
    pub(super) const fn asks(&self) -> usize {
        self.asks
    }

    /// A caller that went away was charged all the same: its verdicts are on disk.
    pub(super) fn send(self, answered: Answered) {
        drop(self.sender.send(answered));
    }
}

/// Calls in the order in which they came.
#[derive(Debug)]
pub(super) struct Queue {
    asks: Vec<Ask>,
    answers: Vec<Answer>,
    asks_max: usize,
}

impl Queue {
    pub(super) const fn new(asks_max: usize) -> Self {
        Self { asks: Vec::new(), answers: Vec::new(), asks_max }
    }

    pub(super) fn len(&self) -> usize {
        self.asks.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.asks.is_empty()
    }

    /// # Errors
    /// [`base::Code::Unavailable`] when too many asks wait.
    pub(super) fn push(&mut self, asks: Vec<Ask>, sender: oneshot::Sender<Answered>) -> Result<(), Fault> {
        if self.asks.len() + asks.len() > self.asks_max {
            return Err(Fault::unavailable("Too many calls are waiting. Please retry."));
        }
        self.answers.push(Answer { asks: asks.len(), sender });
        self.asks.extend(asks);
        Ok(())
    }

    /// The oldest calls that have at most so many asks together, whole calls only.
    pub(super) fn take(&mut self, asks_max: usize) -> (Vec<Ask>, Vec<Answer>) {
        let (mut calls, mut asks) = (0, 0);
        while let Some(answer) = self.answers.get(calls).filter(|answer| asks + answer.asks <= asks_max) {
            asks += answer.asks;
            calls += 1;
        }
        let later = (self.asks.split_off(asks), self.answers.split_off(calls));
        (std::mem::replace(&mut self.asks, later.0), std::mem::replace(&mut self.answers, later.1))
    }
}
