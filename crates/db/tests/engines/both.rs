//! What a caller may rely on, whichever engine is below.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, mpsc};

use base::{Code, Fault, Timestamp};
use db::{Db, Engine, Error, Migration, args};

use crate::fixture::{Fixture, INSERT, SCHEMA, TENANT, count, insert};

macro_rules! on_both_engines {
    ($($test:ident)*) => {
        mod sqlite {
            $(#[test] fn $test() { super::on(db::Engine::Sqlite, super::$test); })*
        }
        mod postgres {
            $(#[test] fn $test() { super::on(db::Engine::Postgres, super::$test); })*
        }
    };
}

on_both_engines! {
    a_failing_command_among_many_takes_nothing_from_the_others
    a_panic_undoes_its_own_transaction_and_no_thread_dies
    a_failed_statement_dooms_its_transaction
    a_read_cannot_write
    constraints_have_the_same_names
    values_come_back_as_they_went
    a_value_of_another_kind_is_an_error
    several_rows_are_not_one
    a_locking_clause_is_understood
    a_wrong_number_of_arguments_is_an_error
    a_caller_that_goes_away_cancels_nothing
    a_full_queue_refuses_and_loses_nothing_it_took
    closing_finishes_what_was_accepted
    migrations_run_once
    a_changed_migration_is_refused
    a_failed_migration_leaves_nothing_behind
    a_database_that_needs_a_newer_binary_is_refused
    a_statement_can_be_checked_without_running_it
}

fn on(engine: Engine, test: fn(&Fixture)) {
    if let Some(fixture) = Fixture::new(engine) {
        test(&fixture);
    }
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().build().unwrap()
}

/// Occupies every thread that writes until the sender is dropped, so that what follows queues up.
fn block(db: &Db, threads: usize) -> mpsc::Sender<()> {
    let (sender, receiver) = mpsc::channel();
    let (receiver, (started, running)) = (Arc::new(Mutex::new(receiver)), mpsc::channel());
    for _ in 0..threads {
        let (db, receiver, started) = (db.clone(), Arc::clone(&receiver), started.clone());
        let body = move |_: &mut db::Tx<'_>| {
            started.send(()).unwrap();
            receiver.lock().unwrap().recv().ok();
            Ok(())
        };
        std::thread::Builder::new().spawn(move || db.write_blocking(TENANT, body)).unwrap();
    }
    (0..threads).for_each(|_| running.recv().unwrap());
    sender
}

fn one_thread(fixture: &Fixture, queue_max: usize) -> Db {
    let mut settings = fixture.settings.clone();
    (settings.connections, settings.queue_max) = (1, queue_max);
    Db::open(settings).unwrap()
}

async fn queued(db: &Db, depth: usize) {
    while db.status().queue_depth < depth {
        tokio::task::yield_now().await;
    }
}

fn a_failing_command_among_many_takes_nothing_from_the_others(fixture: &Fixture) {
    let db = one_thread(fixture, 4096);
    let release = block(&db, 1);
    let results = runtime().block_on(tokio::task::LocalSet::new().run_until(async {
        let spawn = |id: i64| {
            let db = db.clone();
            tokio::task::spawn_local(async move {
                db.write(TENANT, move |tx| {
                    insert(tx, id)?;
                    if id % 10 == 0 { Err(Fault::conflict("no")) } else { Ok(id) }
                })
                .await
            })
        };
        let tasks: Vec<_> = (0..100).map(spawn).collect();
        queued(&db, 100).await;
        drop(release);
        let mut results = Vec::new();
        for task in tasks {
            results.push(task.await.unwrap());
        }
        results
    }));
    for (id, result) in (0..).zip(&results) {
        match result {
            Ok(done) => assert!(*done == id && id % 10 != 0),
            Err(fault) => assert!(id % 10 == 0 && fault.code == Code::Conflict, "{id}: {fault:?}"),
        }
    }
    assert_eq!(count(&db), 90);
}

fn a_panic_undoes_its_own_transaction_and_no_thread_dies(fixture: &Fixture) {
    let db = one_thread(fixture, 16);
    for _ in 0..3 {
        let result: Result<(), Fault> = db.write_blocking(TENANT, |tx| {
            insert(tx, 1)?;
            panic!("a mistake")
        });
        let fault = result.unwrap_err();
        assert_eq!(fault.code, Code::Internal);
        assert!(!fault.detail.contains("mistake") && format!("{fault:?}").contains("a mistake"));
    }
    assert_eq!(count(&db), 0);
    db.write_blocking(TENANT, |tx| insert(tx, 1)).unwrap();
    assert_eq!(count(&db), 1);
}

fn a_failed_statement_dooms_its_transaction(fixture: &Fixture) {
    let db = fixture.open();
    db.write_blocking(TENANT, |tx| insert(tx, 1)).unwrap();
    let swallowed = db.write_blocking(TENANT, |tx| {
        insert(tx, 2)?;
        assert!(insert(tx, 1).is_err());
        assert!(insert(tx, 3).is_err(), "nothing goes on after a failure");
        Ok(())
    });
    assert_eq!(swallowed.unwrap_err().code, Code::Internal);
    assert_eq!(count(&db), 1);
    let missing = db.read_blocking(|tx| {
        let none = tx.one("SELECT id FROM wallet WHERE id = ?1", args![9_i64], |row| row.int(0));
        assert!(matches!(none, Err(Error::NoRow)));
        Ok(tx.one("SELECT id FROM wallet", args![], |row| row.int("id"))?)
    });
    assert_eq!(missing.unwrap(), 1, "no row is an answer, not a failure");
}

fn a_read_cannot_write(fixture: &Fixture) {
    let db = fixture.open();
    assert!(db.read_blocking(|tx| insert(tx, 1)).is_err());
    assert!(db.snapshot_blocking(|tx| insert(tx, 1)).is_err());
    assert_eq!(count(&db), 0);
}

fn constraints_have_the_same_names(fixture: &Fixture) {
    const SECRET: &str = "UPDATE wallet SET secret = ?3 WHERE tenant_id = ?1 AND id = ?2";
    const ENTRY: &str = "INSERT INTO entry (id, tenant_id, wallet_id, code) VALUES (?1, ?2, ?3, ?4)";
    let db = fixture.open();
    db.write_blocking(TENANT, |tx| {
        insert(tx, 1)?;
        insert(tx, 2)?;
        tx.exec(SECRET, args![TENANT, 1_i64, b"s"])?;
        tx.exec(ENTRY, args![1_i64, TENANT, 1_i64, 7_i64])?;
        Ok(())
    })
    .unwrap();
    let refused = |name: &'static str, unique: bool, run: fn(&mut db::Tx<'_>) -> Result<u64, Error>| {
        let fault = db.write_blocking(TENANT, move |tx| {
            let error = run(tx).unwrap_err();
            assert!(error.is_constraint(name), "{name}: {error:?}");
            assert!(!error.is_constraint("another"));
            Err::<(), _>(error.into())
        });
        let code = if unique { Code::AlreadyExists } else { Code::Conflict };
        assert_eq!(fault.unwrap_err().code, code, "{name}");
    };
    refused("wallet_pkey", true, |tx| tx.exec(INSERT, args![TENANT, 1_i64, "new", 0_i64]));
    refused("wallet_by_name", true, |tx| tx.exec(INSERT, args![TENANT, 3_i64, "wallet 1", 0_i64]));
    refused("wallet_by_secret", true, |tx| tx.exec(SECRET, args![TENANT, 2_i64, b"s"]));
    refused("wallet_floor", false, |tx| tx.exec(INSERT, args![TENANT, 3_i64, "new", -1_i64]));
    refused("wallet_balance_not_null", false, |tx| tx.exec(INSERT, args![TENANT, 3_i64, "new", None::<i64>]));
    refused("entry_pkey", true, |tx| tx.exec(ENTRY, args![1_i64, TENANT, 1_i64, 8_i64]));
    refused("entry_code_key", true, |tx| tx.exec(ENTRY, args![2_i64, TENANT, 1_i64, 7_i64]));
    refused("foreign_key", false, |tx| tx.exec(ENTRY, args![2_i64, TENANT, 9_i64, 8_i64]));
}

fn values_come_back_as_they_went(fixture: &Fixture) {
    const FILL: &str = "INSERT INTO wallet (tenant_id, id, name, balance, share, secret)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6) RETURNING balance";
    const READ: &str = "SELECT tenant_id, id, name, balance, share, secret FROM wallet ORDER BY id";
    let db = fixture.open();
    db.write_blocking(TENANT, |tx| {
        let balance =
            tx.one(FILL, args![TENANT, i64::MIN, "ü'?1", i64::MAX, 0.1, [0_u8, 255]], |row| row.int(0))?;
        assert_eq!(balance, i64::MAX);
        let again = tx.exec(FILL, args![TENANT, 1_i64, None::<&str>, true, Some(2.5), None::<Vec<u8>>])?;
        assert_eq!(again, 1, "RETURNING counts too");
        Ok(())
    })
    .unwrap();
    let rows = db.read_blocking(|tx| {
        let mut ids = Vec::new();
        let rows = tx.all(READ, args![], |row| {
            ids.push(row.id::<base::id::TenantId>("tenant_id")?);
            Ok((
                row.int("id")?,
                row.opt_text(2)?,
                row.credits("balance")?.get(),
                row.real(4)?,
                row.opt_bytes(5)?,
            ))
        })?;
        assert_eq!(ids, [TENANT, TENANT]);
        Ok(rows)
    });
    let wanted =
        [(i64::MIN, Some("ü'?1".to_owned()), i64::MAX, 0.1, Some(vec![0, 255])), (1, None, 1, 2.5, None)];
    assert_eq!(rows.unwrap(), wanted);
    let now = runtime().block_on(db.engine_time()).unwrap();
    assert!(now > Timestamp::from_micros(1_700_000_000_000_000), "{now}");
}

fn a_value_of_another_kind_is_an_error(fixture: &Fixture) {
    const READ: &str = "SELECT name, balance, share, tenant_id FROM wallet";
    type Read = fn(&db::Row<'_>) -> Result<(), Error>;
    let db = fixture.open();
    db.write_blocking(TENANT, |tx| insert(tx, 1)).unwrap();
    let wrong: [(&str, Read); 10] = [
        ("a text is no integer", |row| row.int("name").map(drop)),
        ("an integer is no text", |row| row.text("balance").map(drop)),
        ("ten is neither 0 nor 1", |row| row.bool("balance").map(drop)),
        ("an integer is no real number", |row| row.real("balance").map(drop)),
        ("a text is no bytes", |row| row.bytes("name").map(drop)),
        ("NULL is no real number", |row| row.real("share").map(drop)),
        ("an id of another kind", |row| row.id::<base::id::KeyId>("tenant_id").map(drop)),
        ("a name that is not on the list", |row| row.named("name", base::Environment::parse).map(drop)),
        ("no such column", |row| row.int("nothing").map(drop)),
        ("no such position", |row| row.int(4).map(drop)),
    ];
    for (what, read) in wrong {
        let fault = db.read_blocking(move |tx| {
            let error = tx.one(READ, args![], read).unwrap_err();
            assert!(matches!(error, Error::Corrupt(_)), "{what}: {error:?}");
            Err::<(), _>(error.into())
        });
        let fault = fault.unwrap_err();
        assert_eq!(fault.code, Code::Internal, "{what}");
        assert!(!format!("{fault:?}").contains("wallet 1"), "values stay out of the log: {fault:?}");
    }
}

fn several_rows_are_not_one(fixture: &Fixture) {
    let db = fixture.open();
    db.write_blocking(TENANT, |tx| insert(tx, 1).and_then(|()| insert(tx, 2))).unwrap();
    let one = db.read_blocking(|tx| Ok(tx.one("SELECT id FROM wallet", args![], |row| row.int(0))?));
    let opt = db.read_blocking(|tx| Ok(tx.opt("SELECT id FROM wallet", args![], |row| row.int(0))?));
    assert!(one.is_err() && opt.is_err());
}

fn a_locking_clause_is_understood(fixture: &Fixture) {
    const LOCK: &str = "SELECT id FROM wallet WHERE tenant_id = ?1 ORDER BY id FOR UPDATE SKIP LOCKED";
    let db = fixture.open();
    db.write_blocking(TENANT, |tx| insert(tx, 1)).unwrap();
    let ids = db.write_blocking(TENANT, |tx| Ok(tx.all(LOCK, args![TENANT], |row| row.int(0))?));
    assert_eq!(ids.unwrap(), [1]);
}

fn a_wrong_number_of_arguments_is_an_error(fixture: &Fixture) {
    let db = fixture.open();
    for given in [0, 3, 5] {
        let result = db.write_blocking(TENANT, move |tx| {
            let args = [const { db::Arg::Null }; 5];
            Ok(tx.exec(INSERT, &args[..given])?)
        });
        assert_eq!(result.unwrap_err().code, Code::Internal, "{given}");
    }
    assert_eq!(count(&db), 0);
}

fn a_caller_that_goes_away_cancels_nothing(fixture: &Fixture) {
    let db = one_thread(fixture, 16);
    let release = block(&db, 1);
    runtime().block_on(async {
        let mut write = Box::pin(db.write(TENANT, |tx| insert(tx, 1)));
        tokio::select! {
            biased;
            _ = &mut write => panic!("the only thread is blocked"),
            () = queued(&db, 1) => {}
        }
    });
    drop(release);
    db.write_blocking(TENANT, |tx| insert(tx, 2)).unwrap();
    assert_eq!(count(&db), 2);
}

fn a_full_queue_refuses_and_loses_nothing_it_took(fixture: &Fixture) {
    let db = one_thread(fixture, 2);
    let release = block(&db, 1);
    runtime().block_on(tokio::task::LocalSet::new().run_until(async {
        let spawn = |id| {
            let db = db.clone();
            tokio::task::spawn_local(async move { db.write(TENANT, move |tx| insert(tx, id)).await })
        };
        let taken = [spawn(1), spawn(2)];
        queued(&db, 2).await;
        let fault = db.write(TENANT, |tx| insert(tx, 3)).await.unwrap_err();
        assert_eq!((fault.code, fault.retry_after_s), (Code::Unavailable, Some(1)));
        drop(release);
        for task in taken {
            task.await.unwrap().unwrap();
        }
    }));
    assert_eq!(count(&db), 2);
}

fn closing_finishes_what_was_accepted(fixture: &Fixture) {
    let db = one_thread(fixture, 64);
    let release = block(&db, 1);
    runtime().block_on(tokio::task::LocalSet::new().run_until(async {
        let spawn = |id| {
            let db = db.clone();
            tokio::task::spawn_local(async move { db.write(TENANT, move |tx| insert(tx, id)).await })
        };
        let tasks: Vec<_> = (0..20).map(spawn).collect();
        queued(&db, 20).await;
        drop(release);
        db.close();
        for task in tasks {
            task.await.unwrap().unwrap();
        }
        let late = db.write(TENANT, |tx| insert(tx, 99)).await.unwrap_err();
        assert_eq!(late.code, Code::Unavailable);
    }));
    assert_eq!(count(&fixture.open()), 20);
}

const SECOND: Migration = Migration {
    version: 2,
    name: "notes",
    oldest_binary: 1,
    template: "CREATE TABLE note (id {int} NOT NULL PRIMARY KEY){clustered};\nINSERT INTO note (id) VALUES (1);\n",
};

fn with_migrations(fixture: &Fixture, migrations: &'static [Migration]) -> Result<Db, Fault> {
    let mut settings = fixture.settings.clone();
    settings.migrations = migrations;
    Db::open(settings)
}

fn migrations_run_once(fixture: &Fixture) {
    const BOTH: &[Migration] = &[SCHEMA[0], SECOND];
    drop(fixture.open());
    for _ in 0..2 {
        let db = with_migrations(fixture, BOTH).unwrap();
        let notes =
            db.read_blocking(|tx| Ok(tx.one("SELECT COUNT(*) FROM note", args![], |row| row.int(0))?));
        assert_eq!(notes.unwrap(), 1);
        let applied = runtime().block_on(db.migration_status()).unwrap();
        assert_eq!(applied.iter().map(|row| row.version).collect::<Vec<_>>(), [1, 2]);
        assert_eq!((applied[1].name.as_str(), applied[1].sha256.len()), ("notes", 64));
        db.close();
    }
    // An older binary may go on using it.
    assert_eq!(count(&fixture.open()), 0);
}

fn a_changed_migration_is_refused(fixture: &Fixture) {
    const CHANGED: &[Migration] = &[Migration { template: "SELECT 1;", ..SCHEMA[0] }];
    drop(fixture.open());
    let fault = with_migrations(fixture, CHANGED).unwrap_err();
    assert_eq!(fault.code, Code::Conflict);
    assert!(fault.detail.contains("Migration 1 (wallets)"), "{fault:?}");
    assert_eq!(count(&fixture.open()), 0);
}

fn a_failed_migration_leaves_nothing_behind(fixture: &Fixture) {
    const BROKEN: &[Migration] =
        &[SCHEMA[0], Migration { template: "CREATE TABLE note (id {int} NOT NULL);\nNONSENSE;\n", ..SECOND }];
    const FIXED: &[Migration] = &[SCHEMA[0], SECOND];
    let fault = with_migrations(fixture, BROKEN).unwrap_err();
    assert!(format!("{fault:?}").contains("migration 2 (notes) failed at \"NONSENSE;\""), "{fault:?}");
    with_migrations(fixture, FIXED).unwrap();
}

fn a_database_that_needs_a_newer_binary_is_refused(fixture: &Fixture) {
    const BREAKING: &[Migration] = &[SCHEMA[0], Migration { oldest_binary: 2, ..SECOND }];
    with_migrations(fixture, BREAKING).unwrap().close();
    let fault = Db::open(fixture.settings.clone()).unwrap_err();
    assert!(fault.detail.contains("Start a newer Attestry"), "{fault:?}");
}

fn a_statement_can_be_checked_without_running_it(fixture: &Fixture) {
    let db = fixture.open();
    let runs = Arc::new(AtomicU32::new(0));
    let seen = Arc::clone(&runs);
    db.write_blocking(TENANT, move |tx| {
        seen.fetch_add(1, Ordering::Relaxed);
        tx.prepare_only(INSERT)?;
        assert!(tx.prepare_only("SELECT nonsense FROM wallet").is_err());
        Err::<(), _>(Fault::conflict("undo"))
    })
    .unwrap_err();
    assert_eq!((runs.load(Ordering::Relaxed), count(&db)), (1, 0));
}
