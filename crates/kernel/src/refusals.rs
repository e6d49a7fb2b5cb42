//! Keys that were turned away before any command ran, in the audit log: from a network or origin where they may not be
//! used, or for want of a scope.
//!
//! At most one row for each key, reason and minute, and [`ROWS_A_MINUTE_MAX`] in all, on each node: whoever holds a key
//! can be refused as often as they like, and must not fill a disk that way.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

use base::id::{KeyId, RequestId};
use base::{Code, Fault, Timestamp};

use crate::ctx::{Actor, Ctx};
use crate::keys::Key;
use crate::{Kernel, audit};

pub const ROWS_A_MINUTE_MAX: usize = 1000;

/// What the audit log calls it.
const ACTION: &str = "platform.key.refused";

/// What this process told in the current minute.
#[derive(Debug, Default)]
pub(crate) struct Refusals(Mutex<Told>);

#[derive(Debug, Default)]
struct Told {
    minute: i64,
    rows: HashSet<(KeyId, Code)>,
}

impl Refusals {
    /// Whether this one is to be told.
    fn is_new(&self, key_id: KeyId, code: Code, now: Timestamp) -> bool {
        let mut told = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let minute = now.micros().div_euclid(60_000_000);
        if told.minute != minute {
            *told = Told { minute, rows: HashSet::new() };
        }
        told.rows.len() < ROWS_A_MINUTE_MAX && told.rows.insert((key_id, code))
    }
}

impl Kernel {
    /// Tells a refusal of a live key, if it is of a kind that is told and not told in this minute already. `place` is
    /// method and template of the route: what a caller chose, such as a path, is not kept.
    ///
    /// A row that cannot be written changes nothing about the refusal.
    pub async fn tell_refusal(&self, key: &Key, request_id: RequestId, place: &str, refusal: &Fault) {
        let now = self.clock.now();
        let is_told = matches!(refusal.code, Code::ScopeMissing | Code::OriginDenied);
        if !is_told || !self.refusals.is_new(key.key_id, refusal.code, now) {
            return;
        }
        let actor = Actor::Key { key_id: key.key_id, lineage_id: key.lineage_id };
        let (tenant_id, environment, key_id) = (key.tenant_id, key.environment, key.key_id);
        let (random, note) = (self.random.clone(), format!("{:?} at {place}", refusal.code));
        let write = self.db.write(tenant_id, move |tx| {
            let mut ctx = Ctx::new(tenant_id, environment, actor.clone(), request_id, now, random.clone());
            ctx.target(key_id.text());
            ctx.note(note.as_str());
            audit::write(tx, &ctx, ACTION, audit::Outcome::Refused)
        });
        if let Err(fault) = write.await {
            tracing::warn!(?fault, %key_id, "the refusal of a key is not in the audit log");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_key_and_reason_is_told_once_a_minute_and_only_so_many() {
        let refusals = Refusals::default();
        let at = |second: i64| Timestamp::from_micros(second * 1_000_000);
        let tell = |key, code, second| refusals.is_new(KeyId::from_bits(key), code, at(second));
        assert!(tell(1, Code::OriginDenied, 0));
        assert!(!tell(1, Code::OriginDenied, 59));
        assert!(tell(1, Code::ScopeMissing, 59) && tell(2, Code::OriginDenied, 59));
        assert!(tell(1, Code::OriginDenied, 60));
        let told = (0..5000).filter(|&key| tell(key, Code::ScopeMissing, 61)).count();
        assert_eq!(told, ROWS_A_MINUTE_MAX - 1);
        assert!(tell(7, Code::ScopeMissing, 120));
    }
}
