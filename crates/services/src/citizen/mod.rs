//! citizen: verification of a person against a national registry.
//!
//! A verification asks a registry whose number a national number is, and compares what was claimed with what the
//! registry knows. It is final when it is written: `verified`, `failed`, `not_found` or `provider_error`.
//! Test keys ask the [`sandbox`] and never a [`registry`].
//! Tables: `citizen_verification`. Numbers are stored as a MAC and masked; what names a person is sealed under the
//! key of that person.
//! Prices: 1 unit for a final result; nothing for one that is repeated from the tenant's own purchase, nor for an
//! outage of the registry. The operator decides whether `not_found` costs anything.
//!
//! Absent on purpose: any use of one tenant's purchase for another, and any way to change or delete a verification:
//! whoever is to be forgotten loses the key of what names the person, see [`erase`].

pub mod api;
pub mod command;
pub mod erase;
pub mod events;
pub mod matching;
pub mod model;
pub mod registry;
pub mod sandbox;
mod store;
pub mod usage;
pub mod view;
pub mod webhook;

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use base::Fault;
use kernel::settings::{Kind, Setting};
use kernel::{Kernel, Secrets};

use registry::Upstream;
use registry::status::{Monitor, RegistryStatus};

/// The scopes a citizen key may hold.
pub const SCOPES: &[&str] = &["verify:write", "verifications:read", "registry:read"];

/// Whether a verification must say why it is made.
pub const PURPOSE_REQUIRED: Setting = Setting {
    name: "citizen.purpose_required",
    kind: Kind::Flag { default: false },
    about: "Whether `POST /api/v1/verify/citizen` refuses a verification without a `purpose`.",
};

/// What a tenant decides.
pub const SETTINGS: &[&Setting] = &[&PURPOSE_REQUIRED];

/// What the operator decides.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// Whether a number that the registry does not know costs as much as one that it knows.
    pub charges_not_found: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self { charges_not_found: true }
    }
}

/// What a verification may have to wait for, outside of any transaction.
#[derive(Clone)]
pub struct Outside {
    /// A registry that is asked over the network. Without one, live keys are answered by the imported registry.
    pub upstream: Option<Upstream>,
    /// How the upstream does, for the status.
    pub monitor: Option<Arc<Monitor>>,
    /// Waits as long as it is told: for the slow scenario of the sandbox.
    pub pause: Pause,
}

/// A wait of a given length.
pub type Pause = Arc<dyn Fn(Duration) -> Pin<Box<dyn Future<Output = ()> + Send>> + Send + Sync>;

impl Default for Outside {
    fn default() -> Self {
        Self { upstream: None, monitor: None, pause: Arc::new(|wait| Box::pin(slept(wait))) }
    }
}

impl fmt::Debug for Outside {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outside").field("has_upstream", &self.upstream.is_some()).finish_non_exhaustive()
    }
}

#[expect(clippy::disallowed_methods, reason = "the sandbox has a number that is answered slowly on purpose")]
async fn slept(wait: Duration) {
    tokio::time::sleep(wait).await;
}

/// What the handlers of this service share. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Citizen {
    kernel: Kernel,
    settings: Settings,
    outside: Outside,
}

impl Citizen {
    #[must_use]
    pub fn new(kernel: &Kernel, settings: Settings, outside: Outside) -> Self {
        Self { kernel: kernel.clone(), settings, outside }
    }

    /// How the registry does that answers live keys, as this process sees it.
    ///
    /// # Errors
    /// A database failure.
    pub async fn registry_status(&self) -> Result<RegistryStatus, Fault> {
        registry::status::status(&self.kernel, self.outside.monitor.as_deref()).await
    }

    const fn kernel(&self) -> &Kernel {
        &self.kernel
    }

    fn secrets(&self) -> Arc<Secrets> {
        Arc::clone(&self.kernel.secrets)
    }
}

pub(crate) fn statements() -> Vec<&'static str> {
    [store::STATEMENTS.to_vec(), registry::statements(), usage::STATEMENTS.to_vec()].concat()
}

pub(crate) fn postgres_statements() -> Vec<&'static str> {
    registry::postgres_statements()
}
