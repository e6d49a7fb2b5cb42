//! The bounded queue between callers and database threads, and the jobs in it.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use base::Fault;
use tokio::sync::oneshot;

use crate::error::Error;
use crate::tx::Tx;

/// One transaction that somebody waits for; it may be run more than once and is answered once.
pub(crate) trait Job: Send {
    /// Runs the body, keeps its result and says whether it wants to be committed.
    fn run(&mut self, tx: &mut Tx<'_>) -> bool;

    /// Answers with the kept result, or with `instead` when the engine knows better.
    fn answer(self: Box<Self>, instead: Option<Fault>);
}

/// What the transaction may do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Mode {
    Read,
    Write,
    Snapshot,
}

pub(crate) struct Task {
    pub(crate) mode: Mode,
    pub(crate) job: Box<dyn Job>,
}

struct Body<T, F> {
    body: F,
    result: Option<Result<T, Fault>>,
    sender: oneshot::Sender<Result<T, Fault>>,
}

/// Wraps `body`; the receiver gets its result, or an error when the threads are gone.
pub(crate) fn task<T, F>(mode: Mode, body: F) -> (Task, oneshot::Receiver<Result<T, Fault>>)
where
    F: Fn(&mut Tx<'_>) -> Result<T, Fault> + Send + 'static,
    T: Send + 'static,
{
    let (sender, receiver) = oneshot::channel();
    (Task { mode, job: Box::new(Body { body, result: None, sender }) }, receiver)
}

impl<T, F> Job for Body<T, F>
where
    F: Fn(&mut Tx<'_>) -> Result<T, Fault> + Send,
    T: Send,
{
    fn run(&mut self, tx: &mut Tx<'_>) -> bool {
        // A half-run body leaves nothing behind: its transaction or savepoint is rolled back.
        let result =
            catch_unwind(AssertUnwindSafe(|| (self.body)(tx))).unwrap_or_else(|panic| Err(panicked(&*panic)));
        self.result.insert(result).is_ok()
    }

    fn answer(self: Box<Self>, instead: Option<Fault>) {
        let result = match instead {
            Some(fault) => Err(fault),
            None => {
                self.result.unwrap_or_else(|| Err(Fault::internal("a job was answered before it was run")))
            }
        };
        // A caller that went away does not undo what it asked for.
        drop(self.sender.send(result));
    }
}

fn panicked(panic: &(dyn std::any::Any + Send)) -> Fault {
    let text =
        panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    Fault::internal(format!("a transaction panicked: {}", text.unwrap_or("without a message")))
}

/// What a thread finds when it looks for work.
pub(crate) enum Next {
    Task(Task),
    /// Nothing came in time.
    Idle,
    /// Closed, and all that was in it has been taken.
    Closed,
}

pub(crate) struct Queue {
    state: Mutex<State>,
    changed: Condvar,
    /// Apart from `changed`, whose wake-ups are meant for threads that can work.
    closing: Condvar,
    length_max: usize,
}

struct State {
    tasks: VecDeque<Task>,
    closed: bool,
    /// Threads that wait for work.
    idle: usize,
    /// One of them was woken and has not looked yet: it will find what comes meanwhile, and wakes the next one if it
    /// leaves some. Waking a thread costs more than most tasks.
    waking: bool,
}

impl Queue {
    pub(crate) fn new(length_max: usize) -> Self {
        let tasks = VecDeque::with_capacity(length_max.min(1024));
        let state = State { tasks, closed: false, idle: 0, waking: false };
        Self { state: Mutex::new(state), changed: Condvar::new(), closing: Condvar::new(), length_max }
    }

    /// # Errors
    /// [`Error::QueueFull`] or [`Error::Closed`]; the task is dropped unrun.
    pub(crate) fn push(&self, task: Task) -> Result<(), Error> {
        let mut state = self.lock();
        if state.closed {
            return Err(Error::Closed);
        }
        if state.tasks.len() >= self.length_max {
            return Err(Error::QueueFull);
        }
        state.tasks.push_back(task);
        self.pass_on(state);
        Ok(())
    }

    /// Waits for a task. `None` when closed and empty.
    pub(crate) fn pop(&self) -> Option<Task> {
        let mut state = self.wait_for_work();
        let task = state.tasks.pop_front();
        self.pass_on(state);
        task
    }

    /// Waits for a task, then takes all that are there, at most `count_max`. `false` when closed and empty.
    pub(crate) fn drain(&self, into: &mut Vec<Task>, count_max: usize) -> bool {
        let mut state = self.wait_for_work();
        let count = state.tasks.len().min(count_max);
        into.extend(state.tasks.drain(..count));
        self.pass_on(state);
        count > 0
    }

    /// The same for one of `threads` that share the work: takes no more than its share, so that the others need not wait
    /// for it.
    pub(crate) fn drain_share(&self, into: &mut Vec<Task>, count_max: usize, threads: usize) -> bool {
        let mut state = self.wait_for_work();
        let count = state.tasks.len().div_ceil(threads.max(1)).min(count_max);
        into.extend(state.tasks.drain(..count));
        self.pass_on(state);
        count > 0
    }

    /// Waits for a task for `patience` at most.
    pub(crate) fn pop_within(&self, patience: Duration) -> Next {
        let mut state = self.lock();
        if state.is_waiting() {
            state.idle += 1;
            let wait = self.changed.wait_timeout_while(state, patience, |state| {
                // Woken for a task that another thread has taken, it waits on, and must be woken again.
                state.waking = false;
                state.is_waiting()
            });
            state = wait.unwrap_or_else(PoisonError::into_inner).0;
            state.wake();
        }
        let task = state.tasks.pop_front();
        let is_closed = state.closed;
        self.pass_on(state);
        match task {
            Some(task) => Next::Task(task),
            None if is_closed => Next::Closed,
            None => Next::Idle,
        }
    }

    /// Waits for `patience` and leaves the tasks to others. Whether the queue is still open.
    pub(crate) fn rest(&self, patience: Duration) -> bool {
        let wait = self.closing.wait_timeout_while(self.lock(), patience, |state| !state.closed);
        let (state, _) = wait.unwrap_or_else(PoisonError::into_inner);
        !state.closed
    }

    pub(crate) fn close(&self) {
        self.lock().closed = true;
        self.changed.notify_all();
        self.closing.notify_all();
    }

    pub(crate) fn len(&self) -> usize {
        self.lock().tasks.len()
    }

    fn wait_for_work(&self) -> MutexGuard<'_, State> {
        let mut state = self.lock();
        while state.is_waiting() {
            state.idle += 1;
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
            state.wake();
        }
        state
    }

    /// Wakes a thread for what is left, unless one is on its way.
    fn pass_on(&self, mut state: MutexGuard<'_, State>) {
        if !state.tasks.is_empty() && state.idle > 0 && !state.waking {
            state.waking = true;
            drop(state);
            self.changed.notify_one();
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn is_waiting(&self) -> bool {
        self.tasks.is_empty() && !self.closed
    }

    /// A thread waits no more. Whether it was the one that was woken does not matter: it looks now.
    fn wake(&mut self) {
        self.idle -= 1;
        self.waking = false;
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[test]
    fn a_share_leaves_work_for_the_other_threads() {
        let queue = Queue::new(9);
        for _ in 0..9 {
            queue.push(task(Mode::Read, |_| Ok(())).0).unwrap();
        }
        let mut taken = Vec::new();
        let counts = [(); 5].map(|()| {
            assert!(queue.drain_share(&mut taken, 3, 3));
            taken.len()
        });
        assert_eq!(counts, [3, 5, 7, 8, 9]);
    }

    #[test]
    fn every_task_is_taken_by_somebody_however_many_push_and_wait() {
        const PUSHERS: usize = 4;
        const TASKS: usize = 2000;
        let (queue, taken) = (Queue::new(PUSHERS * TASKS), AtomicUsize::new(0));
        let count = |tasks: usize| taken.fetch_add(tasks, Ordering::SeqCst);
        let pop = || {
            while queue.pop().is_some() {
                count(1);
            }
        };
        let pop_within = || loop {
            match queue.pop_within(Duration::from_micros(20)) {
                Next::Task(_) => count(1),
                Next::Idle => 0,
                Next::Closed => break,
            };
        };
        let drain = || {
            let mut tasks = Vec::new();
            while queue.drain_share(&mut tasks, 16, 4) {
                count(tasks.drain(..).count());
            }
        };
        let push = || (0..TASKS).for_each(|_| queue.push(task(Mode::Read, |_| Ok(())).0).unwrap());
        std::thread::scope(|scope| {
            scope.spawn(pop);
            scope.spawn(pop_within);
            scope.spawn(drain);
            scope.spawn(drain);
            for pusher in [(); PUSHERS].map(|()| scope.spawn(push)) {
                pusher.join().unwrap();
            }
            queue.close();
        });
        assert_eq!(taken.load(Ordering::SeqCst), PUSHERS * TASKS);
    }

    #[test]
    fn a_thread_whose_task_was_taken_by_another_is_woken_for_the_next_one() {
        let queue = Queue::new(8);
        let (taken, arrivals) = std::sync::mpsc::channel();
        let is_taken = std::thread::scope(|scope| {
            scope.spawn(|| {
                while let Next::Task(_) = queue.pop_within(Duration::from_secs(3600)) {
                    taken.send(()).unwrap();
                }
            });
            for _ in 0..2000 {
                queue.push(task(Mode::Read, |_| Ok(())).0).unwrap();
                // Mostly before the thread that was woken for it is there.
                if let Next::Task(_) = queue.pop_within(Duration::ZERO) {
                    std::thread::yield_now();
                }
            }
            while arrivals.try_recv().is_ok() {}
            queue.push(task(Mode::Read, |_| Ok(())).0).unwrap();
            let is_taken = arrivals.recv_timeout(Duration::from_secs(10)).is_ok();
            queue.close();
            is_taken
        });
        assert!(is_taken);
    }

    #[test]
    fn a_full_queue_refuses_and_a_closed_one_gives_out_what_it_holds() {
        let queue = Queue::new(2);
        for _ in 0..2 {
            queue.push(task(Mode::Read, |_| Ok(())).0).unwrap();
        }
        assert!(matches!(queue.push(task(Mode::Read, |_| Ok(())).0), Err(Error::QueueFull)));
        queue.close();
        assert!(matches!(queue.push(task(Mode::Read, |_| Ok(())).0), Err(Error::Closed)));
        assert!(queue.pop().is_some());
        let mut rest = Vec::new();
        assert!(queue.drain(&mut rest, 512));
        assert_eq!(rest.len(), 1);
        assert!(!queue.drain(&mut rest, 512));
        assert!(queue.pop().is_none());
    }
}
