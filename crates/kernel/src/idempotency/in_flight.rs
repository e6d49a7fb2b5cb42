//! Callers with the same key on one node wait here, not on database threads.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use base::id::TenantId;

use crate::secrets::Mac;

type Place = (TenantId, String, Mac);

/// The keys that are at work in this process.
#[derive(Debug, Default)]
pub(crate) struct InFlight(Mutex<HashMap<Place, Arc<tokio::sync::Mutex<()>>>>);

impl InFlight {
    /// Waits for the callers before, and holds back the ones after, until the turn is dropped.
    pub(crate) async fn take_turn(self: &Arc<Self>, place: Place) -> Turn {
        let lock = {
            let mut places = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(places.entry(place.clone()).or_default())
        };
        // Made before the wait, so that a caller who goes away while waiting leaves nothing in the map.
        let mut turn = Turn { in_flight: Arc::clone(self), place, held: None };
        turn.held = Some(lock.lock_owned().await);
        turn
    }
}

pub(crate) struct Turn {
    in_flight: Arc<InFlight>,
    place: Place,
    held: Option<tokio::sync::OwnedMutexGuard<()>>,
}

impl Drop for Turn {
    fn drop(&mut self) {
        let mut places = self.in_flight.0.lock().unwrap_or_else(PoisonError::into_inner);
        self.held = None;
        // One count is the map's: nobody else waits, so nobody else can be given this lock any more.
        if places.get(&self.place).is_some_and(|lock| Arc::strong_count(lock) == 1) {
            places.remove(&self.place);
        }
    }
}
