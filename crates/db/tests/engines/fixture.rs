//! A database of its own for every test, on either engine, gone afterwards.

use std::hash::{BuildHasher, RandomState};
use std::path::{Path, PathBuf};

use base::id::TenantId;
use base::{Fault, Secret};
use db::{Db, Engine, Isolation, Migration, Settings, Source, Tx};

pub(crate) const TENANT: TenantId = TenantId::from_bits(1);

pub(crate) const SCHEMA: &[Migration] = &[Migration {
    version: 1,
    name: "wallets",
    oldest_binary: 1,
    template: "
-- Every kind of column and of constraint;
CREATE TABLE wallet (
    tenant_id {text} NOT NULL,
    id {int} NOT NULL,
    name {text},
    balance {int} NOT NULL DEFAULT 0,
    share {real},
    secret {blob},
    CONSTRAINT wallet_floor CHECK (balance >= 0),
    PRIMARY KEY (tenant_id, id)
){hot};
CREATE UNIQUE INDEX wallet_by_name ON wallet (tenant_id, name);
CREATE UNIQUE INDEX wallet_by_secret ON wallet (tenant_id, secret) WHERE secret IS NOT NULL;
CREATE TABLE entry (
    id {int} NOT NULL PRIMARY KEY,
    tenant_id {text} NOT NULL,
    wallet_id {int} NOT NULL,
    code {int} UNIQUE,
    FOREIGN KEY (tenant_id, wallet_id) REFERENCES wallet (tenant_id, id)
){strict};
",
}];

pub(crate) const INSERT: &str = "INSERT INTO wallet (tenant_id, id, name, balance) VALUES (?1, ?2, ?3, ?4)";
pub(crate) const COUNT: &str = "SELECT COUNT(*) FROM wallet";

#[derive(Debug)]
pub(crate) struct Fixture {
    pub(crate) settings: Settings,
    /// PostgreSQL: the database that makes and drops the test's own, and the name of that.
    server: Option<(String, String)>,
}

impl Fixture {
    pub(crate) fn new(engine: Engine) -> Option<Self> {
        match engine {
            Engine::Sqlite => Some(Self::sqlite(&std::env::temp_dir())),
            Engine::Postgres => Self::postgres(),
        }
    }

    pub(crate) fn sqlite(parent: &Path) -> Self {
        let folder = parent.join(random_name());
        Self { settings: Settings::new(Source::Sqlite { folder }, SCHEMA), server: None }
    }

    fn postgres() -> Option<Self> {
        if variable("ATTESTRY_TEST_SQLITE_ONLY").is_some_and(|value| value == "1") {
            eprintln!("skipped: ATTESTRY_TEST_SQLITE_ONLY=1");
            return None;
        }
        let server = variable("ATTESTRY_TEST_POSTGRES")
            .expect("ATTESTRY_TEST_POSTGRES is not set: run `cargo xtask test`, which starts a PostgreSQL");
        let name = random_name();
        administer(&server, &format!("CREATE DATABASE {name}"));
        let url = Secret::new(with_database(&server, &name));
        let mut settings = Settings::new(Source::Postgres { url }, SCHEMA);
        settings.connections = 4;
        if variable("ATTESTRY_TEST_ISOLATION").is_some_and(|value| value == "serializable") {
            settings.isolation = Isolation::Serializable;
        }
        Some(Self { settings, server: Some((server, name)) })
    }

    pub(crate) fn open(&self) -> Db {
        Db::open(self.settings.clone()).unwrap()
    }

    pub(crate) fn folder(&self) -> PathBuf {
        match &self.settings.source {
            Source::Sqlite { folder } => folder.clone(),
            Source::Postgres { .. } => panic!("PostgreSQL has no folder"),
        }
    }

    /// Runs `sql`, in which `DATABASE_NAME` stands for the test's own, from outside of it.
    pub(crate) fn administer(&self, sql: &str) {
        let (server, name) = self.server.as_ref().expect("only PostgreSQL is administered");
        administer(server, &sql.replace("DATABASE_NAME", name));
    }
}

impl Drop for Fixture {
    fn drop(&mut self) {
        match &self.server {
            Some((server, name)) => administer(server, &format!("DROP DATABASE {name} WITH (FORCE)")),
            None => drop(std::fs::remove_dir_all(self.folder())),
        }
    }
}

pub(crate) fn insert(tx: &mut Tx<'_>, id: i64) -> Result<(), Fault> {
    tx.exec(INSERT, db::args![TENANT, id, format!("wallet {id}"), 10_i64])?;
    Ok(())
}

pub(crate) fn count(db: &Db) -> i64 {
    db.read_blocking(|tx| Ok(tx.one(COUNT, &[], |row| row.int(0))?)).unwrap()
}

fn administer(server: &str, sql: &str) {
    let mut client = postgres::Client::connect(server, postgres::NoTls).unwrap();
    client.batch_execute(sql).unwrap();
}

fn with_database(server: &str, name: &str) -> String {
    let (address, options) = server.split_once('?').unwrap_or((server, ""));
    let (host, _) = address.rsplit_once('/').expect("the URL names a database");
    format!("{host}/{name}?{options}")
}

fn random_name() -> String {
    format!("attestry_test_{:016x}", RandomState::new().hash_one(0))
}

#[expect(clippy::disallowed_methods, reason = "the test harness is configured by its environment")]
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}
