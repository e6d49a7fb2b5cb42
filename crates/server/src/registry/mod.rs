//! The connector to an upstream registry: asks over HTTP within a time-out, repeats what failed without harm, and
//! leaves an upstream alone that keeps failing.
//!
//! A look-up changes nothing, so a repeated one does no harm; repeated is only what may be better a moment later: a
//! connection that did not come about, 502, 503, 504, and a try that took too long while there is time left.
//! An answer that the mapping does not read, or about another number, is an outage: never somebody else's record.

mod mapping;
mod settings;
#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use base::Fault;
use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::Full;
use kernel::{Clock, Kernel, Random};
use services::citizen::Outside;
use services::citizen::registry::status::Monitor;
use services::citizen::registry::{Found, Outage, Upstream};
use tokio::sync::Semaphore;

use crate::outbound::{Failure, Limits, Outbound};

pub use settings::{Settings, Table};

const ANSWER_BYTES_MAX: usize = 64 * 1024;
const PAUSE: Duration = Duration::from_millis(20);
const PAUSE_MAX: Duration = Duration::from_millis(200);

/// An upstream registry, ready to be asked.
#[derive(Clone)]
pub struct Connector {
    pub upstream: Upstream,
    pub monitor: Arc<Monitor>,
}

impl Connector {
    /// The outside world of verifications, with this upstream in it.
    #[must_use]
    pub fn outside(self) -> Outside {
        Outside { upstream: Some(self.upstream), monitor: Some(self.monitor), ..Outside::default() }
    }
}

impl fmt::Debug for Connector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connector").field("monitor", &self.monitor).finish_non_exhaustive()
    }
}

struct Shared {
    settings: Settings,
    outbound: Outbound,
    monitor: Arc<Monitor>,
    clock: Clock,
    random: Random,
    places: Semaphore,
}

/// Connects nothing yet.
///
/// # Errors
/// Certificate authorities that cannot be read.
pub fn connector(settings: Settings, kernel: &Kernel) -> Result<Connector, Fault> {
    let monitor = Arc::new(Monitor::new(settings.circuit));
    let shared = Arc::new(Shared {
        outbound: Outbound::new(settings.network, settings.ca_file.as_deref())?,
        places: Semaphore::new(settings.concurrency),
        monitor: Arc::clone(&monitor),
        settings,
        clock: kernel.clock.clone(),
        random: kernel.random.clone(),
    });
    let upstream: Upstream = Arc::new(move |national_id| {
        let shared = Arc::clone(&shared);
        Box::pin(async move { shared.ask(&national_id).await })
    });
    Ok(Connector { upstream, monitor })
}

/// Why a try brought nothing, and whether the next may bring more.
struct Miss {
    cause: &'static str,
    is_worth_a_retry: bool,
}

impl Shared {
    async fn ask(&self, national_id: &str) -> Result<Found, Outage> {
        // Refused here, a call says nothing about the upstream, so the circuit does not hear of it.
        let _place =
            self.places.try_acquire().map_err(|_| outage("too many look-ups wait for the registry"))?;
        let Some(permit) = self.monitor.admit(self.clock.now()) else {
            return Err(outage("it failed too often and is left alone for a while"));
        };
        let timeout = Duration::from_millis(self.settings.timeout_ms);
        let answer = tokio::time::timeout(timeout, self.tries(national_id)).await;
        let answer = answer.unwrap_or(Err("it took too long"));
        self.monitor.report(permit, answer.is_ok(), self.clock.now());
        answer.map_err(outage)
    }

    async fn tries(&self, national_id: &str) -> Result<Found, &'static str> {
        let mut retries = 0;
        loop {
            match self.try_once(national_id).await {
                Ok(found) => return Ok(found),
                Err(miss) if !miss.is_worth_a_retry || retries == self.settings.retries => {
                    return Err(miss.cause);
                }
                Err(_) => {
                    retries += 1;
                    pause(self.jitter(retries)).await;
                }
            }
        }
    }

    async fn try_once(&self, national_id: &str) -> Result<Found, Miss> {
        let request = self.request(national_id).map_err(|_| no_retry("its address takes no number"))?;
        let deadline = Duration::from_millis(self.settings.attempt_timeout_ms);
        let limits = Limits { deadline, answer_bytes_max: ANSWER_BYTES_MAX };
        let reply = self.outbound.send(request, limits).await.map_err(miss)?;
        if is_passing(reply.status) {
            return Err(Miss { cause: "it answered that it cannot now", is_worth_a_retry: true });
        }
        mapping::read(&self.settings, national_id, reply.status, &reply.body).map_err(no_retry)
    }

    fn request(&self, national_id: &str) -> Result<Request<Full<Bytes>>, http::Error> {
        let filled = |text: &str| text.replace(settings::NUMBER, national_id);
        let body = self.settings.body.as_ref().map(|body| filled(body.expose())).unwrap_or_default();
        let mut request = Request::builder()
            .method(self.settings.method.clone())
            .uri(filled(self.settings.url.expose()))
            .body(Full::new(Bytes::from(body)))?;
        *request.headers_mut() = self.settings.headers.clone();
        Ok(request)
    }

    /// Half to the whole of a pause that doubles.
    fn jitter(&self, retries: u32) -> Duration {
        let most = PAUSE.saturating_mul(1 << retries.min(8)).min(PAUSE_MAX);
        let micros = u64::try_from(most.as_micros()).unwrap_or(u64::MAX);
        Duration::from_micros(micros / 2 + self.random.id_bits() % (micros / 2 + 1))
    }
}

fn miss(failure: Failure) -> Miss {
    let (cause, is_worth_a_retry) = match failure {
        Failure::Forbidden(reason) => (reason, false),
        Failure::Unreachable => ("it cannot be connected to", true),
        Failure::TimedOut => ("it took too long", true),
        Failure::Broken => ("the connection broke within its answer", false),
        Failure::TooLarge => ("its answer is longer than any record", false),
    };
    Miss { cause, is_worth_a_retry }
}

const fn no_retry(cause: &'static str) -> Miss {
    Miss { cause, is_worth_a_retry: false }
}

const fn is_passing(status: StatusCode) -> bool {
    matches!(status, StatusCode::BAD_GATEWAY | StatusCode::SERVICE_UNAVAILABLE | StatusCode::GATEWAY_TIMEOUT)
}

fn outage(cause: &'static str) -> Outage {
    Outage { cause: cause.to_owned() }
}

#[expect(clippy::disallowed_methods, reason = "an upstream that cannot now may be able a moment later")]
async fn pause(time: Duration) {
    tokio::time::sleep(time).await;
}
