//! Wiring: from a configuration to a kernel and its sites.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use base::Fault;
use base::id::RequestId;
use db::{Db, Settings, Source};
use kernel::migrations::MIGRATIONS;
use kernel::{Clock, Kernel, Random, Secrets, tenancy};
use services::citizen::{self, Citizen, Outside};
use services::codes::{self, Codes};
use services::platform::Platform;
use services::quota::Quota;
use services::{platform, quota};
use utoipa::openapi::OpenApi;
use web::destination::Network;
use web::health::{Readiness, ReadinessCheck};
use web::{About, Api, Edge, EdgeSettings, RequestIds, Site, docs, health, problem};

use crate::config::Config;
use crate::operator;
use crate::registry;
use crate::secrets_file;

/// Where the consumer's page is unless the operator says otherwise.
pub(crate) const LOCAL: &str = "http://localhost:8080";

/// Everything that the roles of one process share. Cheap to clone.
#[derive(Clone, Debug)]
pub struct App {
    pub kernel: Kernel,
    pub citizen: Citizen,
    pub codes: Codes,
    pub quota: Quota,
    pub settings: EdgeSettings,
    /// Where webhooks may go.
    pub receivers: Network,
    /// Where this node keeps what it must remember apart from the database, if it has such a folder.
    pub data: Option<Arc<Path>>,
    is_stopping: Arc<AtomicBool>,
}

impl App {
    /// Opens secrets and database, brings the schema up to date and activates the secrets in use. Blocking.
    ///
    /// # Errors
    /// A data folder in use by another process, secrets or a schema that do not fit, a database that is not there.
    pub fn open(config: &Config) -> Result<Self, Fault> {
        let random = Random::system();
        let secrets = Secrets::from_file(&secrets_file::open(&config.data, &random)?)?;
        let source = match &config.database {
            Some(url) => Source::Postgres { url: url.clone() },
            None => Source::Sqlite { folder: config.data.clone() },
        };
        let settings = Settings { connections: config.connections, ..Settings::new(source, MIGRATIONS) };
        let db = Db::open(settings)?;
        let settings = EdgeSettings {
            https: config.https,
            body_deadline: Duration::from_millis(config.body_deadline_ms),
            trusted_proxies: config.trusted_proxies.clone().into(),
        };
        let kernel = Kernel::new(db, secrets, Clock::system(), random, config.rate_limit);
        let outside = match config.registry.clone() {
            Some(settings) => registry::connector(settings, &kernel)?.outside(),
            None => Outside::default(),
        };
        let citizen = citizen::Settings { charges_not_found: config.citizen_charges_not_found };
        let mut app = Self::over(kernel, settings, citizen, outside)?;
        if config.webhooks_private {
            app.receivers = Network::Private;
        }
        app.codes = Codes::new(&app.kernel, config.codes.clone());
        app.data = Some(config.data.clone().into());
        Ok(app)
    }

    /// The same over a kernel that is there already: for tests.
    ///
    /// # Errors
    /// A pepper that this process lacks; a database failure.
    pub fn over(
        kernel: Kernel,
        settings: EdgeSettings,
        citizen: citizen::Settings,
        outside: Outside,
    ) -> Result<Self, Fault> {
        let kernel = kernel.with_renderers(services::renderers()).with_forms(services::forms());
        let secrets = Arc::clone(&kernel.secrets);
        kernel
            .db
            .write_blocking(tenancy::INSTALLATION, move |tx| tenancy::ensure_same_secrets(tx, &secrets))?;
        let active = kernel.db.read_blocking(|tx| tenancy::active_secret(tx, "pepper"))?;
        if let Some(version) = active {
            kernel.secrets.activate_pepper(version)?;
        }
        Ok(Self {
            citizen: Citizen::new(&kernel, citizen, outside),
            codes: Codes::new(
                &kernel,
                codes::Settings { address: LOCAL.parse()?, places: codes::PlaceHeaders::default() },
            ),
            quota: Quota::new(&kernel),
            kernel,
            settings,
            receivers: Network::Public,
            data: None,
            is_stopping: Arc::default(),
        })
    }

    /// From now on `/ready` says no.
    pub fn begin_stop(&self) {
        self.is_stopping.store(true, Ordering::SeqCst);
    }

    /// What the public listener answers.
    #[must_use]
    pub fn public_site(&self) -> Edge {
        let site = Site::new()
            .api(quota::api::api(self.quota.clone()))
            .api(citizen::api::api(self.citizen.clone()))
            .api(codes::api::api(self.codes.clone()))
            .api(platform::api::api(self.platform()))
            .api(health::api(self.readiness()));
        docs::pages(problem::pages(site)).edge(self.request_ids(), self.settings.clone())
    }

    /// What a tenant manages about itself.
    #[must_use]
    pub fn platform(&self) -> Platform {
        Platform { kernel: self.kernel.clone(), catalog: services::CATALOG, receivers: self.receivers }
    }

    /// Whether this process lives and is ready, and nothing else.
    pub fn health_site(&self) -> Site {
        Site::new().api(health::api(self.readiness()))
    }

    /// What the operator's listener answers, and the command line when no server runs.
    pub fn operator_site(&self) -> Site {
        problem::pages(self.health_site().api(operator::api(self.clone())))
    }

    /// The edge of a private listener.
    #[must_use]
    pub fn private_edge(&self, site: Site) -> Edge {
        site.edge(self.request_ids(), EdgeSettings { https: false, ..self.settings.clone() })
    }

    fn request_ids(&self) -> RequestIds {
        let (clock, random) = (self.kernel.clock.clone(), self.kernel.random.clone());
        Arc::new(move || RequestId::new(clock.now(), random.id_bits()))
    }

    fn readiness(&self) -> ReadinessCheck {
        let (db, is_stopping) = (self.kernel.db.clone(), Arc::clone(&self.is_stopping));
        Arc::new(move || {
            let status = db.status();
            let mut reasons = Vec::new();
            if is_stopping.load(Ordering::SeqCst) {
                reasons.push("shutting down".into());
            }
            if !status.reachable {
                reasons.push("the database cannot be reached".into());
            }
            if !status.writable {
                reasons.push("the database is read-only: no space is left on its disk".into());
            }
            Readiness { reasons }
        })
    }
}

/// The OpenAPI document of every service, the operator's included. It needs no database.
#[must_use]
pub fn documents() -> Vec<(About, OpenApi)> {
    fn of<S: Clone + Send + Sync + 'static>(api: &Api<S>) -> (About, OpenApi) {
        let (about, document) = api.document();
        (about, document.clone())
    }
    vec![
        of(&health::described()),
        of(&platform::api::described(|handlers| handlers)),
        of(&quota::api::described(|handlers| handlers)),
        of(&citizen::api::described(|handlers| handlers)),
        of(&codes::api::described(|handlers| handlers)),
        of(&operator::described(|handlers| handlers)),
    ]
}
