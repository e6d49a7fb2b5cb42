//! What a command may ask of the world: who calls, what time it is, and randomness.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use base::id::{AuditId, EventId, KeyId, LineageId, RequestId, TenantId};
use base::{Environment, Timestamp};

/// The time of this process. Never runs backwards within it. Cheap to clone.
#[derive(Clone)]
pub struct Clock(Arc<ClockState>);

struct ClockState {
    latest_us: AtomicI64,
    is_manual: bool,
}

impl Clock {
    /// The operating system's clock.
    #[must_use]
    pub fn system() -> Self {
        Self(Arc::new(ClockState { latest_us: AtomicI64::new(0), is_manual: false }))
    }

    /// A clock that moves only when told to: for tests.
    #[must_use]
    pub fn manual(start: Timestamp) -> Self {
        Self(Arc::new(ClockState { latest_us: AtomicI64::new(start.micros()), is_manual: true }))
    }

    #[must_use]
    pub fn now(&self) -> Timestamp {
        let state = &self.0;
        if state.is_manual {
            return Timestamp::from_micros(state.latest_us.load(Ordering::SeqCst));
        }
        let read = system_micros();
        let latest = state.latest_us.fetch_max(read, Ordering::SeqCst);
        Timestamp::from_micros(read.max(latest))
    }

    /// Moves a manual clock; a system clock is never moved.
    pub fn advance_seconds(&self, seconds: i64) {
        if self.0.is_manual {
            self.0.latest_us.fetch_add(seconds.saturating_mul(1_000_000), Ordering::SeqCst);
        }
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_manual { "Clock(manual)" } else { "Clock(system)" })
    }
}

#[expect(clippy::disallowed_methods, reason = "the one place that reads the system clock")]
fn system_micros() -> i64 {
    let since_epoch = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since_epoch.as_micros()).unwrap_or(i64::MAX)
}

/// Randomness of the operating system for secrets, and a fast unique sequence for ids. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Random(Arc<RandomState>);

#[derive(Debug)]
struct RandomState {
    id_seed: u64,
    id_count: AtomicU64,
}

impl Random {
    #[must_use]
    pub fn system() -> Self {
        let mut seed = [0; 8];
        fill(&mut seed);
        Self(Arc::new(RandomState { id_seed: u64::from_ne_bytes(seed), id_count: AtomicU64::new(0) }))
    }

    /// Bytes fit for secrets.
    #[must_use]
    pub fn bytes<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        fill(&mut bytes);
        bytes
    }

    /// Bits for an id: unique within the process and seeded per process, but not secret.
    ///
    /// A counter through the finalizer of SplitMix64 (Steele, Lea and Flood 2014), which is a bijection.
    #[must_use]
    pub fn id_bits(&self) -> u64 {
        let count = self.0.id_count.fetch_add(1, Ordering::Relaxed);
        let mut bits = self.0.id_seed.wrapping_add(count.wrapping_mul(0x9E37_79B9_7F4A_7C15));
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        bits ^ (bits >> 31)
    }
}

fn fill(bytes: &mut [u8]) {
    aws_lc_rs::rand::fill(bytes).expect("a machine without randomness cannot make secrets and must not try");
}

/// Who does it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Actor {
    /// A tenant's key.
    Key { key_id: KeyId, lineage_id: LineageId },
    /// A named operator, over the operator API or the command line.
    Operator { name: String },
    /// The platform itself: sweepers and jobs.
    System { worker: &'static str },
}

impl Actor {
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Key { .. } => "key",
            Self::Operator { .. } => "operator",
            Self::System { .. } => "system",
        }
    }

    #[must_use]
    pub fn id(&self) -> String {
        match self {
            Self::Key { key_id, .. } => key_id.text(),
            Self::Operator { name } => name.clone(),
            Self::System { worker } => (*worker).to_owned(),
        }
    }

    /// The key that pays, where a key acts.
    #[must_use]
    pub const fn key_id(&self) -> Option<KeyId> {
        match self {
            Self::Key { key_id, .. } => Some(*key_id),
            Self::Operator { .. } | Self::System { .. } => None,
        }
    }
}

/// The context of one command inside its transaction.
///
/// `now` was taken after the locks, so the order of times is the order of effects.
#[derive(Debug)]
pub struct Ctx {
    pub tenant_id: TenantId,
    pub environment: Environment,
    pub actor: Actor,
    pub request_id: RequestId,
    pub now: Timestamp,
    pub random: Random,
    pub(crate) effects: Effects,
}

/// What the spine does besides the command's own rows, in the same transaction.
#[derive(Debug, Default)]
pub(crate) struct Effects {
    pub(crate) cost: i64,
    /// The line of the price list and what it charges a unit, once it was read or held.
    pub(crate) price: Option<(Option<String>, i64)>,
    pub(crate) target: String,
    pub(crate) note: Option<String>,
    pub(crate) before: Option<String>,
    pub(crate) after: Option<String>,
    pub(crate) events: Vec<Event>,
}

/// An event for the tenant's webhooks: `payload` is a JSON object.
#[derive(Debug, Clone)]
pub struct Event {
    pub service: base::Service,
    pub kind: &'static str,
    pub payload: String,
}

impl Ctx {
    #[must_use]
    pub fn new(
        tenant_id: TenantId,
        environment: Environment,
        actor: Actor,
        request_id: RequestId,
        now: Timestamp,
        random: Random,
    ) -> Self {
        Self { tenant_id, environment, actor, request_id, now, random, effects: Effects::default() }
    }

    /// What the result costs, in units of the command's price. Nothing unless said.
    pub fn charge(&mut self, units: i64) {
        self.effects.cost = units;
    }

    /// What the audit row names as its object.
    pub fn target(&mut self, target: impl Into<String>) {
        self.effects.target = target.into();
    }

    /// Why, for the audit row; never personal data.
    pub fn note(&mut self, note: impl Into<String>) {
        self.effects.note = Some(note.into());
    }

    /// The object before and after, in any stable text: the audit row keeps their hashes.
    pub fn change(&mut self, before: impl Into<String>, after: impl Into<String>) {
        self.effects.before = Some(before.into());
        self.effects.after = Some(after.into());
    }

    /// An event that leaves when, and only when, this transaction commits.
    pub fn emit(&mut self, event: Event) {
        self.effects.events.push(event);
    }

    pub(crate) fn audit_id(&self) -> AuditId {
        AuditId::new(self.now, self.random.id_bits())
    }

    pub(crate) fn event_id(&self) -> EventId {
        EventId::new(self.now, self.random.id_bits())
    }
}
