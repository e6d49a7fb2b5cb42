//! The check of the ledger finds every kind of damage. Each is done with raw SQL and undone with its transaction.

use std::sync::{Arc, Mutex};

use base::id::{AccountId, HoldId};
use base::{Environment, Fault};
use db::args;
use kernel::ledger::{self, Report, SystemAccount, Unit};

use crate::fixture::World;

on_both_engines! {
    every_kind_of_damage_is_found
    a_broken_floor_is_found
    a_report_lists_at_most_a_hundred_violations
    reports_of_tenants_add_up
}

/// The report of a check after `damage`, which is rolled back.
async fn after(world: &Arc<World>, damage: &'static str, subject: String) -> Report {
    let found: Arc<Mutex<Option<Report>>> = Arc::default();
    let (out, report) =
        (Arc::clone(&found), move |tx: &mut db::Tx<'_>, ctx: &mut kernel::Ctx| -> Result<Report, Fault> {
            assert!(tx.exec(damage, args![ctx.tenant_id, &subject])? > 0, "{damage} damages something");
            ledger::check(tx, ctx.tenant_id)
        });
    let undone = world
        .write(move |tx, ctx| {
            *out.lock().unwrap() = Some(report(tx, ctx)?);
            Err::<(), _>(Fault::conflict("undone"))
        })
        .await;
    assert_eq!(undone.unwrap_err().detail, "undone", "{damage}");
    found.lock().unwrap().take().unwrap()
}

struct Books {
    account: AccountId,
    open: HoldId,
    captured: HoldId,
}

async fn books(world: &Arc<World>) -> Books {
    let account = world.customer(100).await;
    let hold = || world.write(move |tx, ctx| ledger::hold(tx, ctx, account, 10, 60));
    let (open, captured) = (hold().await.unwrap(), hold().await.unwrap());
    world.write(move |tx, ctx| ledger::capture(tx, ctx, captured, 6)).await.unwrap();
    Books { account, open, captured }
}

/// What `?2` of a damage stands for.
#[derive(Clone, Copy)]
enum Subject {
    Account,
    Open,
    Captured,
    LiveRevenue,
    CreditRevenue,
    Nobody,
}

impl Subject {
    fn text(self, world: &World, books: &Books) -> String {
        let revenue =
            |environment, unit| SystemAccount::Revenue.id(world.tenant_id, environment, unit).text();
        match self {
            Self::Account => books.account.text(),
            Self::Open => books.open.text(),
            Self::Captured => books.captured.text(),
            Self::LiveRevenue => revenue(Environment::Live, Unit::Point),
            Self::CreditRevenue => revenue(Environment::Test, Unit::Credit),
            Self::Nobody => AccountId::from_bits(7).text(),
        }
    }
}

/// A damage, what it is done to, and words of the violation that it must show up as.
const DAMAGES: &[(&str, Subject, &str)] = &[
    (
        "UPDATE account SET balance = balance + 1 WHERE tenant_id = ?1 AND account_id = ?2",
        Subject::Account,
        "transfers say",
    ),
    (
        "UPDATE account SET held = held + 1 WHERE tenant_id = ?1 AND account_id = ?2",
        Subject::Account,
        "open holds say",
    ),
    (
        "DELETE FROM account WHERE tenant_id = ?1 AND account_id = ?2",
        Subject::Account,
        "without such an account",
    ),
    (
        "DELETE FROM transfer WHERE tenant_id = ?1 AND debit_account_id = ?2",
        Subject::Account,
        "transfers say",
    ),
    (
        "UPDATE transfer SET amount = amount + 1 WHERE tenant_id = ?1 AND debit_account_id = ?2",
        Subject::Account,
        "transfers say",
    ),
    (
        "UPDATE transfer SET amount = 11 WHERE tenant_id = ?1 AND hold_id = ?2",
        Subject::Captured,
        "above its amount",
    ),
    (
        "UPDATE transfer SET unit = 'credit' WHERE tenant_id = ?1 AND debit_account_id = ?2",
        Subject::Account,
        "without such an account",
    ),
    (
        "UPDATE transfer SET credit_account_id = ?2 WHERE tenant_id = ?1 AND kind = 'capture'",
        Subject::Nobody,
        "without such an account",
    ),
    (
        "UPDATE transfer SET credit_account_id = ?2 WHERE tenant_id = ?1 AND kind = 'capture'",
        Subject::LiveRevenue,
        "instead of 0",
    ),
    (
        "UPDATE transfer SET credit_account_id = ?2 WHERE tenant_id = ?1 AND kind = 'capture'",
        Subject::CreditRevenue,
        "without such an account",
    ),
    (
        "UPDATE account SET environment = 'live' WHERE tenant_id = ?1 AND account_id = ?2",
        Subject::Account,
        "instead of 0",
    ),
    ("UPDATE hold SET amount = 11 WHERE tenant_id = ?1 AND hold_id = ?2", Subject::Open, "open holds say"),
    ("DELETE FROM hold WHERE tenant_id = ?1 AND hold_id = ?2", Subject::Open, "open holds say"),
    ("DELETE FROM hold WHERE tenant_id = ?1 AND hold_id = ?2", Subject::Captured, "no such hold"),
    (
        "UPDATE hold SET resolved_at_us = NULL WHERE tenant_id = ?1 AND hold_id = ?2",
        Subject::Captured,
        "still open",
    ),
    (
        "UPDATE hold SET resolved_at_us = 1 WHERE tenant_id = ?1 AND hold_id = ?2",
        Subject::Open,
        "without a transfer",
    ),
    (
        "UPDATE hold SET account_id = 'acc_00000000000000000000000007' WHERE tenant_id = ?1 AND hold_id = ?2",
        Subject::Captured,
        "another account",
    ),
    (
        "UPDATE transfer SET hold_id = NULL WHERE tenant_id = ?1 AND hold_id = ?2",
        Subject::Captured,
        "without a transfer",
    ),
];

async fn every_kind_of_damage_is_found(world: Arc<World>) {
    let books = books(&world).await;
    world.assert_ledger_holds().await;
    for (damage, subject, words) in DAMAGES {
        let report = after(&world, damage, subject.text(&world, &books)).await;
        let is_found = report.violations.iter().any(|line| line.contains(words));
        assert!(!report.ok && is_found, "{damage}: {report:?}");
    }
    world.assert_ledger_holds().await;
}

async fn a_broken_floor_is_found(world: Arc<World>) {
    const RAISE: &str = "UPDATE account SET floor = 1000 WHERE tenant_id = ?1 AND account_id = ?2";
    let id = world.customer(10).await;
    let (tenant_id, engine) = (world.tenant_id, world.kernel.db.engine());
    let switch_off = match engine {
        db::Engine::Sqlite => "PRAGMA ignore_check_constraints = ON",
        db::Engine::Postgres => "ALTER TABLE account DROP CONSTRAINT account_floor",
    };
    let refused = world.write(move |tx, _| Ok(tx.exec(RAISE, args![tenant_id, id])?)).await;
    assert!(refused.is_err(), "the schema does not let it happen");
    world
        .write(move |tx, _| {
            tx.exec(switch_off, &[])?;
            Ok(tx.exec(RAISE, args![tenant_id, id])?)
        })
        .await
        .unwrap();
    let report = world.check().await;
    assert_eq!(report.violations, [format!("{id}: balance 10 less held 0 is below the floor 1000")]);
}

async fn a_report_lists_at_most_a_hundred_violations(world: Arc<World>) {
    const FILL: &str = "INSERT INTO account (tenant_id, account_id, environment, unit, kind, balance, held, floor, created_at_us) \
        VALUES (?1, ?2, 'test', 'point', 'customer', 1, 0, 0, 0)";
    world
        .write(|tx, ctx| {
            (1..=120).try_for_each(|number| {
                tx.exec(FILL, args![ctx.tenant_id, AccountId::from_bits(number)])?;
                Ok(())
            })
        })
        .await
        .unwrap();
    let report = world.check().await;
    assert_eq!((report.ok, report.accounts, report.violations.len()), (false, 122, 100));
}

async fn reports_of_tenants_add_up(world: Arc<World>) {
    let mut all = world.check().await;
    assert_eq!((all.tenants, all.accounts, all.transfers), (1, 2, 1));
    let broken = Report { ok: false, violations: vec!["x".into()], ..all.clone() };
    all.merge(broken);
    assert_eq!((all.ok, all.tenants, all.accounts, all.transfers), (false, 2, 4, 2));
    assert_eq!(all.violations, ["x"]);
}
