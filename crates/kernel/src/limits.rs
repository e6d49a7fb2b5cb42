//! Rate limits: GCRA per key lineage, burst = limit, refused requests consume nothing.
//!
//! Kept in this process: with n nodes behind a balancer a lineage may reach n times its limit (docs/adr/0007).
//! Limits protect the machine and fail open; credits protect money and fail closed.

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use base::id::LineageId;
use governor::clock::{Clock as GovernorClock, Reference};
use governor::middleware::StateInformationMiddleware;
use governor::nanos::Nanos;
use governor::state::{InMemoryState, NotKeyed};
use governor::{Quota, RateLimiter};

use crate::ctx::Clock;

/// Beyond this many lineages the idle ones are forgotten.
const LINEAGES_MAX: usize = 100_000;

/// One lineage's requests.
#[derive(Debug)]
struct Limiter {
    rate: RateLimiter<NotKeyed, InMemoryState, LimiterClock, StateInformationMiddleware>,
    /// In microseconds: from then on the burst is whole, and a new limiter would say the same as this one.
    whole_at_us: AtomicI64,
}

/// The limiters, and how many of them are the next occasion to look for idle ones.
#[derive(Debug)]
struct Limiters {
    by_lineage: HashMap<(LineageId, u32), Arc<Limiter>>,
    count_min: usize,
    look_at: usize,
}

/// What a limited route tells its caller (`RateLimit-Policy`, `RateLimit`).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Standing {
    /// Requests a minute, which is also the burst.
    pub limit: u32,
    pub remaining: u32,
    /// Whole seconds, rounded up: until a refused caller may try again, or until the burst is whole again.
    pub reset_s: u32,
    pub is_refused: bool,
}

/// The limiters of this process.
#[derive(Debug)]
pub struct Limits {
    /// The operator's default for every service that has one; 0: no limits.
    override_per_minute: Option<u32>,
    clock: LimiterClock,
    limiters: Mutex<Limiters>,
}

impl Limits {
    #[must_use]
    pub fn new(clock: Clock, override_per_minute: Option<u32>) -> Self {
        Self {
            override_per_minute,
            clock: LimiterClock(clock),
            limiters: Mutex::new(Limiters::new(LINEAGES_MAX)),
        }
    }

    /// The default of a service whose published one is `published`; a service without a limit keeps none.
    #[must_use]
    pub fn default_per_minute(&self, published: u32) -> u32 {
        if published == 0 { 0 } else { self.override_per_minute.unwrap_or(published) }
    }

    /// Takes one request of a lineage's `per_minute`, or says when the next one is free.
    pub fn take(&self, lineage_id: LineageId, per_minute: NonZeroU32) -> Standing {
        let limiter = self.limiter(lineage_id, per_minute);
        match limiter.rate.check() {
            Ok(snapshot) => {
                let remaining = snapshot.remaining_burst_capacity();
                let used = u64::from(per_minute.get().saturating_sub(remaining));
                let until_whole = Duration::from_micros(used * 60_000_000 / u64::from(per_minute.get()));
                limiter.note_use(self.clock.now(), until_whole);
                Standing {
                    limit: per_minute.get(),
                    remaining,
                    reset_s: whole_seconds(until_whole),
                    is_refused: false,
                }
            }
            Err(not_until) => Standing {
                limit: per_minute.get(),
                remaining: 0,
                reset_s: whole_seconds(not_until.wait_time_from(self.clock.now())).max(1),
                is_refused: true,
            },
        }
    }

    fn limiter(&self, lineage_id: LineageId, per_minute: NonZeroU32) -> Arc<Limiter> {
        let mut limiters = self.limiters.lock().unwrap_or_else(PoisonError::into_inner);
        let place = (lineage_id, per_minute.get());
        if let Some(limiter) = limiters.by_lineage.get(&place) {
            return Arc::clone(limiter);
        }
        limiters.forget_idle(self.clock.now());
        let quota = Quota::per_minute(per_minute).allow_burst(per_minute);
        let rate = RateLimiter::direct_with_clock(quota, self.clock.clone()).with_middleware();
        let limiter = Arc::new(Limiter { rate, whole_at_us: AtomicI64::new(0) });
        limiters.by_lineage.insert(place, Arc::clone(&limiter));
        limiter
    }
}

impl Limiter {
    fn note_use(&self, now: LimiterInstant, until_whole: Duration) {
        let until_whole = i64::try_from(until_whole.as_micros()).unwrap_or(i64::MAX);
        self.whole_at_us.fetch_max(now.0.saturating_add(until_whole).saturating_add(1), Ordering::Relaxed);
    }

    fn is_idle(&self, now: LimiterInstant) -> bool {
        self.whole_at_us.load(Ordering::Relaxed) <= now.0
    }
}

impl Limiters {
    fn new(count_min: usize) -> Self {
        Self { by_lineage: HashMap::new(), count_min, look_at: count_min }
    }

    /// Forgets the limiters whose burst is whole and that nobody holds. The next look comes when as many again were
    /// added as stayed, so that a new lineage costs a look at two others, on average, however many are busy.
    fn forget_idle(&mut self, now: LimiterInstant) {
        if self.by_lineage.len() < self.look_at {
            return;
        }
        // Somebody who holds one is about to use it.
        self.by_lineage.retain(|_, limiter| Arc::strong_count(limiter) > 1 || !limiter.is_idle(now));
        self.look_at = self.count_min.max(self.by_lineage.len().saturating_mul(2));
    }
}

fn whole_seconds(wait: Duration) -> u32 {
    u32::try_from(wait.as_nanos().div_ceil(1_000_000_000)).unwrap_or(u32::MAX)
}

/// The kernel's clock in the limiter's words.
#[derive(Clone, Debug)]
struct LimiterClock(Clock);

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
struct LimiterInstant(i64);

impl GovernorClock for LimiterClock {
    type Instant = LimiterInstant;

    fn now(&self) -> LimiterInstant {
        LimiterInstant(self.0.now().micros())
    }
}

impl Reference for LimiterInstant {
    fn duration_since(&self, earlier: Self) -> Nanos {
        Nanos::from(Duration::from_micros(u64::try_from(self.0 - earlier.0).unwrap_or(0)))
    }

    fn saturating_sub(&self, duration: Nanos) -> Self {
        let micros = i64::try_from(Duration::from(duration).as_micros()).unwrap_or(i64::MAX);
        Self(self.0.saturating_sub(micros))
    }
}

impl std::ops::Add<Nanos> for LimiterInstant {
    type Output = Self;

    fn add(self, duration: Nanos) -> Self {
        let micros = i64::try_from(Duration::from(duration).as_micros()).unwrap_or(i64::MAX);
        Self(self.0.saturating_add(micros))
    }
}

#[cfg(test)]
mod tests {
    use base::Timestamp;

    use super::*;

    #[test]
    fn a_lineage_gets_its_burst_then_one_at_a_time_and_refusals_cost_nothing() {
        let clock = Clock::manual(Timestamp::from_millis(1_780_000_000_000));
        let limits = Limits::new(clock.clone(), None);
        let (lineage, sixty) = (LineageId::from_bits(1), NonZeroU32::new(60).unwrap());
        for taken in 1..=60 {
            let standing = limits.take(lineage, sixty);
            assert_eq!((standing.is_refused, standing.remaining), (false, 60 - taken));
        }
        for _ in 0..100 {
            assert_eq!(
                limits.take(lineage, sixty),
                Standing { limit: 60, remaining: 0, reset_s: 1, is_refused: true }
            );
        }
        clock.advance_seconds(1);
        assert!(!limits.take(lineage, sixty).is_refused);
        assert!(limits.take(lineage, sixty).is_refused);
        assert!(!limits.take(LineageId::from_bits(2), sixty).is_refused, "another lineage is not affected");
    }

    fn of_at_least(count_min: usize, clock: &Clock) -> Limits {
        Limits { limiters: Mutex::new(Limiters::new(count_min)), ..Limits::new(clock.clone(), None) }
    }

    fn count(limits: &Limits) -> usize {
        limits.limiters.lock().unwrap().by_lineage.len()
    }

    #[test]
    fn what_a_lineage_used_is_never_forgotten_for_others() {
        let clock = Clock::manual(Timestamp::from_millis(1_780_000_000_000));
        let limits = of_at_least(4, &clock);
        let (busy, two) = (LineageId::from_bits(1), NonZeroU32::new(2).unwrap());
        assert!(!limits.take(busy, two).is_refused && !limits.take(busy, two).is_refused);
        for other in 2..=100 {
            limits.take(LineageId::from_bits(other), two);
        }
        assert!(limits.take(busy, two).is_refused, "its burst is used up, however many came since");
        assert_eq!(count(&limits), 100, "all of them are busy");
    }

    #[test]
    fn lineages_whose_burst_is_whole_again_are_forgotten() {
        let clock = Clock::manual(Timestamp::from_millis(1_780_000_000_000));
        let limits = of_at_least(4, &clock);
        let sixty = NonZeroU32::new(60).unwrap();
        for lineage in 1..=1000 {
            limits.take(LineageId::from_bits(lineage), sixty);
            clock.advance_seconds(2);
        }
        assert!(count(&limits) <= 4, "{}", count(&limits));
    }

    #[test]
    fn busy_lineages_are_not_looked_at_for_each_new_one() {
        let mut limiters = Limiters::new(4);
        let clock = LimiterClock(Clock::manual(Timestamp::from_millis(1_780_000_000_000)));
        let sixty = Quota::per_minute(NonZeroU32::new(60).unwrap());
        let mut looks = 0;
        for lineage in 0..1024 {
            let before = limiters.look_at;
            limiters.forget_idle(clock.now());
            looks += usize::from(limiters.look_at != before);
            let rate = RateLimiter::direct_with_clock(sixty, clock.clone()).with_middleware();
            let limiter = Limiter { rate, whole_at_us: AtomicI64::new(i64::MAX) };
            limiters.by_lineage.insert((LineageId::from_bits(lineage), 60), Arc::new(limiter));
        }
        assert_eq!((limiters.by_lineage.len(), looks), (1024, 8), "at 4, 8, 16, … 512");
    }
}
