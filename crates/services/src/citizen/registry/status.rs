//! How the registry does: what is counted of the look-ups, and what it comes to.
//!
//! Counted by each process for itself, as its circuit is: another node may see another picture.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use base::{Fault, Timestamp};
use kernel::Kernel;
use serde::Serialize;

use super::breaker::{Breaker, Circuit, Limits, Permit};
use super::imported;

const MINUTES: i64 = 60;
/// Below this share of successes the registry is shown as degraded.
const DEGRADED_BELOW_PERCENT: f64 = 95.0;

#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Health {
    Online,
    /// It answers, and less often than it should, or it is being tried again.
    Degraded,
    /// Every verification is an outage, free of charge.
    Offline,
}

/// `GET /api/v1/registry/status`.
#[derive(Clone, PartialEq, Debug, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RegistryStatus {
    #[schema(example = "online")]
    pub status: Health,
    /// `closed`: the registry is asked; `open`: it is left alone for a while; `half_open`: it is being tried.
    #[schema(example = "closed")]
    pub circuit: &'static str,
    /// Of a hundred look-ups of the last hour; `null` when there was none.
    #[schema(example = 99.2)]
    pub last_hour_success_rate: Option<f64>,
    /// When it was last asked; `null` when it never was.
    #[schema(value_type = Option<String>, format = DateTime, example = "2026-06-02T12:30:00.000Z")]
    pub last_checked_at: Option<Timestamp>,
}

/// The circuit of an upstream and the count of its answers.
#[derive(Debug)]
pub struct Monitor(Mutex<Watched>);

#[derive(Debug)]
struct Watched {
    breaker: Breaker,
    minutes: VecDeque<Minute>,
    last_checked_at: Option<Timestamp>,
}

#[derive(Debug)]
struct Minute {
    start: i64,
    successes: u64,
    failures: u64,
}

impl Monitor {
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        let breaker = Breaker::new(limits);
        Self(Mutex::new(Watched { breaker, minutes: VecDeque::new(), last_checked_at: None }))
    }

    /// Asks the circuit. `None`: the upstream is to be left alone now.
    pub fn admit(&self, now: Timestamp) -> Option<Permit> {
        self.lock().breaker.admit(now)
    }

    /// Tells how a call ended that was admitted.
    pub fn report(&self, permit: Permit, is_success: bool, now: Timestamp) {
        let mut watched = self.lock();
        let before = watched.breaker.circuit(now);
        watched.breaker.report(permit, is_success, now);
        watched.count(is_success, now);
        let after = watched.breaker.circuit(now);
        if before != after {
            tracing::warn!(from = before.name(), to = after.name(), "the circuit of the registry changed");
        }
    }

    #[must_use]
    pub fn status(&self, now: Timestamp) -> RegistryStatus {
        let watched = self.lock();
        let circuit = watched.breaker.circuit(now);
        let last_hour_success_rate = watched.success_rate(now);
        let is_below = last_hour_success_rate.is_some_and(|rate| rate < DEGRADED_BELOW_PERCENT);
        let status = match circuit {
            Circuit::Open => Health::Offline,
            Circuit::HalfOpen => Health::Degraded,
            Circuit::Closed if is_below => Health::Degraded,
            Circuit::Closed => Health::Online,
        };
        RegistryStatus {
            status,
            circuit: circuit.name(),
            last_hour_success_rate,
            last_checked_at: watched.last_checked_at,
        }
    }

    fn lock(&self) -> MutexGuard<'_, Watched> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Watched {
    fn count(&mut self, is_success: bool, now: Timestamp) {
        let start = minute(now);
        self.last_checked_at = Some(now);
        self.minutes.retain(|minute| minute.start + MINUTES > start);
        if self.minutes.back().is_none_or(|minute| minute.start != start) {
            self.minutes.push_back(Minute { start, successes: 0, failures: 0 });
        }
        if let Some(minute) = self.minutes.back_mut() {
            minute.successes += u64::from(is_success);
            minute.failures += u64::from(!is_success);
        }
    }

    /// In percent, with one decimal.
    fn success_rate(&self, now: Timestamp) -> Option<f64> {
        let oldest = minute(now) - MINUTES;
        let of_hour = || self.minutes.iter().filter(|minute| minute.start > oldest);
        let successes: u64 = of_hour().map(|minute| minute.successes).sum();
        let calls = successes + of_hour().map(|minute| minute.failures).sum::<u64>();
        if calls == 0 {
            return None;
        }
        let tenths = u32::try_from(successes * 1000 / calls).unwrap_or(1000);
        Some(f64::from(tenths) / 10.0)
    }
}

fn minute(at: Timestamp) -> i64 {
    at.micros().div_euclid(60_000_000)
}

/// How the registry of this installation does, as this process sees it: `upstream` where there is one.
/// An imported registry is online once there is one: it stands in the database that answers everything else, too.
///
/// # Errors
/// A database failure.
pub async fn status(kernel: &Kernel, upstream: Option<&Monitor>) -> Result<RegistryStatus, Fault> {
    if let Some(monitor) = upstream {
        return Ok(monitor.status(kernel.clock.now()));
    }
    let is_there = kernel.db.read(imported::is_there).await?;
    Ok(RegistryStatus {
        status: if is_there { Health::Online } else { Health::Offline },
        circuit: Circuit::Closed.name(),
        last_hour_success_rate: is_there.then_some(100.0),
        last_checked_at: Some(kernel.clock.now()),
    })
}

/// The sandbox is a part of this process.
#[must_use]
pub fn of_sandbox(kernel: &Kernel) -> RegistryStatus {
    RegistryStatus {
        status: Health::Online,
        circuit: Circuit::Closed.name(),
        last_hour_success_rate: Some(100.0),
        last_checked_at: Some(kernel.clock.now()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_micros(1_780_000_000_000_000).plus_seconds(seconds)
    }

    fn monitor(outcomes: impl IntoIterator<Item = bool>, seconds: i64) -> Monitor {
        let monitor = Monitor::new(Limits { calls_min: 1000, ..Limits::default() });
        for is_success in outcomes {
            let permit = monitor.admit(at(seconds)).unwrap();
            monitor.report(permit, is_success, at(seconds));
        }
        monitor
    }

    #[test]
    fn a_registry_that_was_never_asked_is_online_without_a_rate() {
        let status = monitor([], 0).status(at(0));
        assert_eq!((status.status, status.circuit), (Health::Online, "closed"));
        assert_eq!((status.last_hour_success_rate, status.last_checked_at), (None, None));
    }

    #[test]
    fn the_rate_is_that_of_the_last_hour_and_rounded_down() {
        let monitor = monitor((0..1000).map(|number| number > 7), 0);
        let status = monitor.status(at(60));
        assert_eq!((status.status, status.last_hour_success_rate), (Health::Online, Some(99.2)));
        assert_eq!(status.last_checked_at, Some(at(0)));
        assert_eq!(monitor.status(at(3600)).last_hour_success_rate, None);
        let status = super::tests::monitor([true, false, true], 0).status(at(0));
        assert_eq!((status.status, status.last_hour_success_rate), (Health::Degraded, Some(66.6)));
    }

    #[test]
    fn an_open_circuit_is_offline_and_a_half_open_one_degraded() {
        let monitor = Monitor::new(Limits { calls_min: 1, ..Limits::default() });
        let permit = monitor.admit(at(0)).unwrap();
        monitor.report(permit, false, at(0));
        let shown = |seconds| {
            let status = monitor.status(at(seconds));
            (status.status, status.circuit)
        };
        assert_eq!(shown(9), (Health::Offline, "open"));
        assert_eq!(shown(10), (Health::Degraded, "half_open"));
        let probe = monitor.admit(at(10)).unwrap();
        monitor.report(probe, true, at(10));
        assert_eq!(shown(10), (Health::Degraded, "closed"), "half of the hour's look-ups failed");
    }
}
