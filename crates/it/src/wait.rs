//! Waiting for another process, which sends no event that could be awaited.

use std::time::{Duration, Instant};

use crate::Result;

const STEP: Duration = Duration::from_millis(10);

/// Asks `check` until it gives a value, an error, or `limit` has passed; `what` names the thing in the error.
///
/// # Errors
/// What `check` said, or that the time is over.
#[expect(clippy::disallowed_methods, reason = "other processes are polled: they send no event")]
pub fn until<T>(what: &str, limit: Duration, mut check: impl FnMut() -> Result<Option<T>>) -> Result<T> {
    let start = Instant::now();
    loop {
        if let Some(value) = check()? {
            return Ok(value);
        }
        if start.elapsed() > limit {
            return Err(format!("{what}: nothing after {} s", limit.as_secs()).into());
        }
        std::thread::sleep(STEP);
    }
}
