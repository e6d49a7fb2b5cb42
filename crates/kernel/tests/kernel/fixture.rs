//! A kernel over a database of its own, on either engine, with one tenant and a clock that moves when told to.

use std::future::Future;
use std::sync::{Arc, mpsc};

use base::id::{AccountId, RequestId, TenantId};
use base::{Environment, Fault, KeyKind, KeyText, Secret, Service, Timestamp};
use db::{Db, Engine, Isolation, Settings, Source, Tx, args};
use it::folder::Folder;
use it::postgres::{self, Database};
use it::settings;
use kernel::keys::{self, Key, Minted, NewKey};
use kernel::ledger::{self, Account, Report, wallet_id};
use kernel::secrets::SecretsFile;
use kernel::spine::{Call, Caller};
use kernel::tenancy::{self, NewTenant};
use kernel::{Actor, Clock, Ctx, Kernel, Random, Secrets};

/// Makes a test of each engine out of `async fn name(world: World)`.
macro_rules! on_both_engines {
    ($($test:ident)*) => {
        mod sqlite {
            $(#[test] fn $test() { crate::fixture::run(db::Engine::Sqlite, super::$test); })*
        }
        mod postgres {
            $(#[test] fn $test() { crate::fixture::run(db::Engine::Postgres, super::$test); })*
        }
    };
}

pub(crate) const START: Timestamp = Timestamp::from_millis(1_780_000_000_000);
pub(crate) const SCOPE: &str = "test:write";

pub(crate) struct World {
    pub(crate) kernel: Kernel,
    pub(crate) clock: Clock,
    pub(crate) tenant_id: TenantId,
    secrets_file: SecretsFile,
    settings: Settings,
    // Last: what the databases above live in.
    _home: Home,
}

enum Home {
    Folder { _folder: Folder },
    Database { _database: Database },
}

pub(crate) fn run<F: Future<Output = ()>>(engine: Engine, test: fn(Arc<World>) -> F) {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(4).enable_time().build().unwrap();
    let Some(world) = World::new(engine, &runtime) else { return };
    runtime.block_on(test(Arc::new(world)));
}

impl World {
    fn new(engine: Engine, runtime: &tokio::runtime::Runtime) -> Option<Self> {
        let (source, home) = match engine {
            Engine::Sqlite => {
                let folder = Folder::new().unwrap();
                (Source::Sqlite { folder: folder.path().join("data") }, Home::Folder { _folder: folder })
            }
            Engine::Postgres => {
                let database = postgres::migrated_for_test()?;
                (
                    Source::Postgres { url: Secret::new(database.url()) },
                    Home::Database { _database: database },
                )
            }
        };
        let mut settings = Settings::new(source, kernel::migrations::MIGRATIONS);
        settings.connections = 8;
        if settings::variable(settings::ISOLATION).is_some_and(|value| value == "serializable") {
            settings.isolation = Isolation::Serializable;
        }
        let db = Db::open(settings.clone()).unwrap();
        let (clock, random) = (Clock::manual(START), Random::system());
        let secrets_file = SecretsFile::generate(&random);
        let secrets = Secrets::from_file(&secrets_file).unwrap();
        let kernel = Kernel::new(db, secrets, clock.clone(), random, None);
        let tenant_id = runtime.block_on(create_tenant(&kernel));
        Some(Self { kernel, clock, tenant_id, secrets_file, settings, _home: home })
    }

    /// A second process: on PostgreSQL with connections of its own, on SQLite over the one writer there can be.
    pub(crate) fn another_kernel(&self, clock: Clock) -> Kernel {
        let db = match self.kernel.db.engine() {
            Engine::Sqlite => self.kernel.db.clone(),
            Engine::Postgres => Db::open(self.settings.clone()).unwrap(),
        };
        let secrets = Secrets::from_file(&self.secrets_file).unwrap();
        Kernel::new(db, secrets, clock, Random::system(), None)
    }

    /// A node that has the next pepper and uses it.
    pub(crate) fn after_pepper_rotation(&self) -> Kernel {
        let document = toml::to_string(&self.secrets_file).unwrap();
        let mut file: SecretsFile = toml::from_str(&document).unwrap();
        let version = file.add_pepper(&self.kernel.random).unwrap();
        let secrets = Secrets::from_file(&file).unwrap();
        secrets.activate_pepper(version).unwrap();
        Kernel::new(self.kernel.db.clone(), secrets, self.clock.clone(), Random::system(), None)
    }

    pub(crate) async fn another_tenant(&self) -> TenantId {
        create_tenant(&self.kernel).await
    }

    /// Runs `body` in one transaction, as an operator.
    pub(crate) async fn write<T, F>(&self, body: F) -> Result<T, Fault>
    where
        F: Fn(&mut Tx<'_>, &mut Ctx) -> Result<T, Fault> + Send + 'static,
        T: Send + 'static,
    {
        let (kernel, tenant_id) = (self.kernel.clone(), self.tenant_id);
        self.kernel.db.write(tenant_id, move |tx| body(tx, &mut ctx_of(&kernel, tenant_id))).await
    }

    pub(crate) async fn read<T, F>(&self, body: F) -> T
    where
        F: Fn(&mut Tx<'_>) -> Result<T, Fault> + Send + 'static,
        T: Send + 'static,
    {
        self.kernel.db.read(body).await.unwrap()
    }

    /// A live key of the test environment.
    pub(crate) async fn key(&self) -> (Key, Minted) {
        self.create_key(new_key(CITIZEN)).await.unwrap()
    }

    pub(crate) async fn create_key(&self, new: NewKey) -> Result<(Key, Minted), Fault> {
        let secrets = Arc::clone(&self.kernel.secrets);
        self.write(move |tx, ctx| keys::create(tx, ctx, &secrets, &new)).await
    }

    pub(crate) fn wallet_id(&self) -> AccountId {
        wallet_id(self.tenant_id, Environment::Test)
    }

    pub(crate) async fn account(&self, id: AccountId) -> Account {
        let tenant_id = self.tenant_id;
        self.read(move |tx| ledger::find(tx, tenant_id, id)).await
    }

    pub(crate) async fn balance(&self) -> i64 {
        self.account(self.wallet_id()).await.balance
    }

    /// An account of points that holds `points`.
    pub(crate) async fn customer(&self, points: i64) -> AccountId {
        let id = AccountId::new(self.clock.now(), self.kernel.random.id_bits());
        self.write(move |tx, ctx| {
            ledger::open_customer(tx, ctx, id)?;
            if points > 0 {
                ledger::grant(tx, ctx, id, points, None)?;
            }
            Ok(())
        })
        .await
        .unwrap();
        id
    }

    pub(crate) async fn check(&self) -> Report {
        let tenant_id = self.tenant_id;
        self.kernel.db.snapshot(move |tx| ledger::check(tx, tenant_id)).await.unwrap()
    }

    pub(crate) async fn assert_ledger_holds(&self) {
        let report = self.check().await;
        assert!(report.ok && report.violations.is_empty(), "{report:?}");
    }

    /// What a statement with the tenant as its only argument counts.
    pub(crate) async fn count(&self, sql: &'static str) -> i64 {
        let tenant_id = self.tenant_id;
        self.read(move |tx| Ok(tx.one(sql, args![tenant_id], |row| row.int(0))?)).await
    }

    pub(crate) fn request_id(&self) -> RequestId {
        RequestId::new(self.clock.now(), self.kernel.random.id_bits())
    }

    pub(crate) fn call(&self, key: &Key) -> Call {
        Call {
            caller: caller(key),
            request_id: self.request_id(),
            route: "/test",
            idempotency_key: None,
            fingerprint: [1; 32],
        }
    }

    pub(crate) fn operator_call(&self) -> Call {
        Call {
            caller: Caller {
                tenant_id: self.tenant_id,
                environment: Environment::Test,
                service: Service::Platform,
                actor: Actor::Operator { name: "olga".into() },
                scopes: Vec::new(),
            },
            request_id: self.request_id(),
            route: "/operator",
            idempotency_key: None,
            fingerprint: [1; 32],
        }
    }
}

pub(crate) fn with_key(call: Call, raw: &str) -> Call {
    Call { idempotency_key: Some(Secret::new(raw.into())), ..call }
}

pub(crate) const CITIZEN: KeyText =
    KeyText { service: Service::Citizen, kind: KeyKind::Secret, environment: Environment::Test };

pub(crate) fn new_key(form: KeyText) -> NewKey {
    NewKey { scopes: vec![SCOPE.into()], label: "a test".into(), ..NewKey::new(form) }
}

pub(crate) fn caller(key: &Key) -> Caller {
    Caller {
        tenant_id: key.tenant_id,
        environment: key.environment,
        service: key.service,
        actor: Actor::Key { key_id: key.key_id, lineage_id: key.lineage_id },
        scopes: key.scopes.clone(),
    }
}

pub(crate) fn ctx_of(kernel: &Kernel, tenant_id: TenantId) -> Ctx {
    let request_id = RequestId::new(kernel.clock.now(), kernel.random.id_bits());
    let actor = Actor::Operator { name: "olga".into() };
    Ctx::new(tenant_id, Environment::Test, actor, request_id, kernel.clock.now(), kernel.random.clone())
}

async fn create_tenant(kernel: &Kernel) -> TenantId {
    let tenant_id = TenantId::new(kernel.clock.now(), kernel.random.id_bits());
    let new = NewTenant {
        tenant_id,
        parent_tenant_id: None,
        name: "Example Ltd".into(),
        plan: "enterprise".into(),
        is_live_approved: true,
    };
    let own = kernel.clone();
    let created = kernel.db.write(tenant_id, move |tx| tenancy::create(tx, &ctx_of(&own, tenant_id), &new));
    created.await.unwrap().tenant_id
}

/// A point within a transaction where it waits until the test lets it go on.
pub(crate) struct Pause {
    reached: mpsc::Receiver<()>,
    release: mpsc::Sender<()>,
}

/// The body's half of a [`Pause`].
#[derive(Clone)]
pub(crate) struct Point {
    reached: mpsc::Sender<()>,
    release: Arc<std::sync::Mutex<mpsc::Receiver<()>>>,
}

impl Pause {
    pub(crate) fn new() -> (Self, Point) {
        let ((reached, was_reached), (release, released)) = (mpsc::channel(), mpsc::channel());
        let point = Point { reached, release: Arc::new(std::sync::Mutex::new(released)) };
        (Self { reached: was_reached, release }, point)
    }

    pub(crate) fn wait(&self) {
        self.reached.recv().unwrap();
    }

    /// From now on nobody waits at the point.
    pub(crate) fn release(self) {
        drop(self.release);
    }
}

impl Point {
    pub(crate) fn reach(&self) {
        self.reached.send(()).ok();
        self.release.lock().unwrap().recv().ok();
    }
}
