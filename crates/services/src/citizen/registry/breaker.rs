//! A circuit breaker: an upstream that keeps failing is left alone for a while.
//!
//! closed → (too many failures) → open → (after a pause) → half open, one probe → closed or open again.
//! Pure: whoever drives it brings the time.

use std::collections::VecDeque;

use base::Timestamp;

/// When it opens, and for how long.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    /// Failures are counted over so many seconds.
    pub window_seconds: u32,
    /// Fewer calls than this in the window say nothing.
    pub calls_min: u32,
    /// It opens when so many of a hundred calls have failed.
    pub failures_percent: u32,
    pub cool_down_seconds: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self { window_seconds: 30, calls_min: 5, failures_percent: 50, cool_down_seconds: 10 }
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Circuit {
    Closed,
    Open,
    HalfOpen,
}

impl Circuit {
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Open => "open",
            Self::HalfOpen => "half_open",
        }
    }
}

/// Permission for one call. It is handed back with the outcome.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[must_use = "an outcome that is not told is a call that never ends"]
pub struct Permit {
    /// Which closed or half open spell gave it: an outcome that comes after the spell says nothing of the next one.
    spell: u64,
}

#[derive(Debug)]
pub struct Breaker {
    limits: Limits,
    state: State,
    spell: u64,
}

#[derive(Debug)]
enum State {
    Closed {
        seconds: VecDeque<Second>,
    },
    Open {
        until: Timestamp,
    },
    /// The probe is taken for lost after a pause as long as the one before it.
    HalfOpen {
        probe_until: Timestamp,
    },
}

/// The calls that ended within one second.
#[derive(Debug)]
struct Second {
    start: i64,
    calls: u32,
    failures: u32,
}

impl Breaker {
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self { limits, state: State::Closed { seconds: VecDeque::new() }, spell: 0 }
    }

    /// Asks for permission. `None`: the upstream is to be left alone now.
    pub fn admit(&mut self, now: Timestamp) -> Option<Permit> {
        let is_probe_due = match &self.state {
            State::Closed { .. } => false,
            State::Open { until } => {
                if now < *until {
                    return None;
                }
                true
            }
            State::HalfOpen { probe_until } => {
                if now < *probe_until {
                    return None;
                }
                true
            }
        };
        if is_probe_due {
            self.enter(State::HalfOpen { probe_until: self.after_pause(now) });
        }
        Some(Permit { spell: self.spell })
    }

    /// Tells how a call ended.
    pub fn report(&mut self, permit: Permit, is_success: bool, now: Timestamp) {
        if permit.spell != self.spell {
            return;
        }
        let should_open = match &mut self.state {
            State::Closed { seconds } => {
                count(seconds, self.limits, is_success, now);
                is_failing(seconds, self.limits)
            }
            State::HalfOpen { .. } if is_success => {
                self.enter(State::Closed { seconds: VecDeque::new() });
                false
            }
            State::HalfOpen { .. } => true,
            State::Open { .. } => false,
        };
        if should_open {
            self.enter(State::Open { until: self.after_pause(now) });
        }
    }

    /// An open circuit whose pause is over shows as half open: the next call is its probe.
    #[must_use]
    pub fn circuit(&self, now: Timestamp) -> Circuit {
        match self.state {
            State::Closed { .. } => Circuit::Closed,
            State::Open { until } if now < until => Circuit::Open,
            State::Open { .. } | State::HalfOpen { .. } => Circuit::HalfOpen,
        }
    }

    fn enter(&mut self, state: State) {
        self.state = state;
        self.spell += 1;
    }

    fn after_pause(&self, now: Timestamp) -> Timestamp {
        now.plus_seconds(self.limits.cool_down_seconds.into())
    }
}

fn count(seconds: &mut VecDeque<Second>, limits: Limits, is_success: bool, now: Timestamp) {
    let start = now.micros().div_euclid(1_000_000);
    while seconds.front().is_some_and(|second| second.start + i64::from(limits.window_seconds) <= start) {
        seconds.pop_front();
    }
    if seconds.back().is_none_or(|second| second.start != start) {
        seconds.push_back(Second { start, calls: 0, failures: 0 });
    }
    if let Some(second) = seconds.back_mut() {
        second.calls = second.calls.saturating_add(1);
        second.failures = second.failures.saturating_add(u32::from(!is_success));
    }
}

fn is_failing(seconds: &VecDeque<Second>, limits: Limits) -> bool {
    let sum =
        |figure: fn(&Second) -> u32| seconds.iter().map(|second| u64::from(figure(second))).sum::<u64>();
    let (calls, failures) = (sum(|second| second.calls), sum(|second| second.failures));
    calls >= u64::from(limits.calls_min) && failures * 100 >= calls * u64::from(limits.failures_percent)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits =
        Limits { window_seconds: 30, calls_min: 4, failures_percent: 50, cool_down_seconds: 10 };

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_micros(1_780_000_000_000_000).plus_seconds(seconds)
    }

    fn call(breaker: &mut Breaker, is_success: bool, seconds: i64) {
        let permit = breaker.admit(at(seconds)).expect("it lets calls through");
        breaker.report(permit, is_success, at(seconds));
    }

    fn opened() -> Breaker {
        let mut breaker = Breaker::new(LIMITS);
        (0..4).for_each(|second| call(&mut breaker, false, second));
        assert_eq!(breaker.circuit(at(3)), Circuit::Open);
        breaker
    }

    #[test]
    fn it_opens_at_its_share_of_failures_and_not_before_enough_calls() {
        let mut breaker = Breaker::new(LIMITS);
        for is_success in [false, false, true] {
            call(&mut breaker, is_success, 0);
            assert_eq!(breaker.circuit(at(0)), Circuit::Closed);
        }
        call(&mut breaker, true, 0);
        assert_eq!(breaker.circuit(at(0)), Circuit::Open);
        assert_eq!(breaker.admit(at(9)), None);
    }

    #[test]
    fn what_failed_before_the_window_is_forgotten() {
        let mut breaker = Breaker::new(LIMITS);
        (0..3).for_each(|_| call(&mut breaker, false, 0));
        (0..3).for_each(|_| call(&mut breaker, true, 30));
        call(&mut breaker, false, 31);
        assert_eq!(breaker.circuit(at(31)), Circuit::Closed);
    }

    #[test]
    fn one_probe_decides_whether_it_closes() {
        for (is_success, circuit) in [(true, Circuit::Closed), (false, Circuit::Open)] {
            let mut breaker = opened();
            assert_eq!(breaker.admit(at(12)), None);
            assert_eq!(breaker.circuit(at(13)), Circuit::HalfOpen);
            let probe = breaker.admit(at(13)).unwrap();
            assert_eq!(breaker.admit(at(13)), None, "one probe at a time");
            breaker.report(probe, is_success, at(14));
            assert_eq!(breaker.circuit(at(14)), circuit);
        }
    }

    #[test]
    fn a_call_from_before_it_opened_neither_closes_nor_prolongs_it() {
        let mut breaker = Breaker::new(LIMITS);
        let (slow, slower) = (breaker.admit(at(0)).unwrap(), breaker.admit(at(0)).unwrap());
        (0..4).for_each(|_| call(&mut breaker, false, 1));
        breaker.report(slow, true, at(2));
        assert_eq!(breaker.circuit(at(2)), Circuit::Open);
        let probe = breaker.admit(at(11)).unwrap();
        breaker.report(slower, false, at(11));
        assert_eq!(breaker.circuit(at(11)), Circuit::HalfOpen);
        breaker.report(probe, true, at(11));
        assert_eq!(breaker.circuit(at(11)), Circuit::Closed);
    }

    #[test]
    fn a_probe_that_is_never_heard_of_again_does_not_keep_it_open() {
        let mut breaker = opened();
        let lost = breaker.admit(at(13)).unwrap();
        assert_eq!(breaker.admit(at(22)), None);
        let next = breaker.admit(at(23)).unwrap();
        breaker.report(lost, false, at(24));
        breaker.report(next, true, at(24));
        assert_eq!(breaker.circuit(at(24)), Circuit::Closed);
    }
}
