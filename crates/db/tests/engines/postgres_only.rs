//! What only a server can do wrong.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use base::{Code, Secret};
use db::{Db, Engine, Isolation, Settings, Source, args};

use crate::fixture::{Fixture, SCHEMA, TENANT, count, insert};

const KILL_ONESELF: &str = "SELECT pg_terminate_backend(pg_backend_pid())";
const ADD: &str = "UPDATE wallet SET balance = ?3 WHERE tenant_id = ?1 AND id = ?2";
const BALANCE: &str = "SELECT balance FROM wallet WHERE tenant_id = ?1 AND id = ?2";

fn fixture() -> Option<Fixture> {
    Fixture::new(Engine::Postgres)
}

#[test]
fn a_write_that_took_too_long_is_not_committed_and_a_read_may_take_its_time() {
    let Some(mut fixture) = fixture() else { return };
    let slow = fixture.open();
    fixture.settings.write_time_max = std::time::Duration::ZERO;
    let db = fixture.open();
    let fault = db.write_blocking(TENANT, |tx| insert(tx, 1)).unwrap_err();
    assert_eq!(fault.code, Code::Unavailable, "{fault:?}");
    assert_eq!(count(&db), 0);
    slow.write_blocking(TENANT, |tx| insert(tx, 1)).unwrap();
    assert_eq!(count(&db), 1);
}

#[test]
fn arrays_unnest() {
    const INSERT: &str = "INSERT INTO wallet (tenant_id, id, name, secret)
        SELECT ?1, * FROM unnest(?2::bigint[], ?3::text[], ?4::bytea[])";
    let Some(fixture) = fixture() else { return };
    let db = fixture.open();
    let stored = db.write_blocking(TENANT, |tx| {
        let (ids, names) = (vec![1_i64, 2], vec!["a".to_owned(), "b".to_owned()]);
        Ok(tx.exec(INSERT, args![TENANT, &ids, &names, &vec![vec![1_u8], vec![]]])?)
    });
    assert_eq!(stored.unwrap(), 2);
    let names = db.read_blocking(|tx| {
        Ok(tx.all("SELECT name, secret FROM wallet ORDER BY id", args![], |row| {
            Ok((row.text(0)?, row.bytes(1)?))
        })?)
    });
    assert_eq!(names.unwrap(), [("a".to_owned(), vec![1]), ("b".to_owned(), vec![])]);
}

#[test]
fn transactions_that_collide_are_run_again_until_each_has_counted() {
    let Some(mut fixture) = fixture() else { return };
    fixture.settings.isolation = Isolation::Serializable;
    let db = fixture.open();
    db.write_blocking(TENANT, |tx| insert(tx, 1)).unwrap();
    let (runs, barrier) = (Arc::new(AtomicU32::new(0)), Arc::new(std::sync::Barrier::new(3)));
    std::thread::scope(|scope| {
        for _ in 0..3 {
            let (db, runs, barrier) = (db.clone(), Arc::clone(&runs), Arc::clone(&barrier));
            scope.spawn(move || {
                db.write_blocking(TENANT, move |tx| {
                    let balance = tx.one(BALANCE, args![TENANT, 1_i64], |row| row.int(0))?;
                    // In the first round, all have read before one writes.
                    if runs.fetch_add(1, Ordering::Relaxed) < 3 {
                        barrier.wait();
                    }
                    tx.exec(ADD, args![TENANT, 1_i64, balance + 1])?;
                    Ok(())
                })
                .unwrap();
            });
        }
    });
    let balance = db.read_blocking(|tx| Ok(tx.one(BALANCE, args![TENANT, 1_i64], |row| row.int(0))?));
    assert_eq!(balance.unwrap(), 13);
    assert!(runs.load(Ordering::Relaxed) > 3, "they collided");
}

#[test]
fn a_transaction_that_keeps_losing_a_hot_row_gets_through_in_the_end() {
    const LOST: u32 = 30;
    let Some(mut fixture) = fixture() else { return };
    fixture.settings.isolation = Isolation::Serializable;
    let (db, other) = (fixture.open(), fixture.open());
    db.write_blocking(TENANT, |tx| insert(tx, 1)).unwrap();
    let runs = Arc::new(AtomicU32::new(0));
    let seen = Arc::clone(&runs);
    db.write_blocking(TENANT, move |tx| {
        let balance = tx.one(BALANCE, args![TENANT, 1_i64], |row| row.int(0))?;
        if seen.fetch_add(1, Ordering::Relaxed) < LOST {
            other.write_blocking(TENANT, move |tx| {
                Ok(tx.exec(ADD, args![TENANT, 1_i64, balance + 1]).map(|_| ())?)
            })?;
        }
        tx.exec(ADD, args![TENANT, 1_i64, balance + 1])?;
        Ok(())
    })
    .unwrap();
    let balance = db.read_blocking(|tx| Ok(tx.one(BALANCE, args![TENANT, 1_i64], |row| row.int(0))?));
    assert_eq!(balance.unwrap(), 10 + i64::from(LOST) + 1, "none of them was lost");
    assert_eq!(runs.load(Ordering::Relaxed), LOST + 1);
}

#[test]
fn a_connection_killed_before_commit_is_replaced_and_the_work_done_once() {
    let Some(fixture) = fixture() else { return };
    let db = fixture.open();
    let runs = Arc::new(AtomicU32::new(0));
    let seen = Arc::clone(&runs);
    db.write_blocking(TENANT, move |tx| {
        insert(tx, 1)?;
        if seen.fetch_add(1, Ordering::Relaxed) == 0 {
            tx.all(KILL_ONESELF, args![], |_| Ok(()))?;
        }
        Ok(())
    })
    .unwrap();
    assert_eq!((runs.load(Ordering::Relaxed), count(&db)), (2, 1));
}

#[test]
fn a_connection_that_keeps_dying_is_an_outage_and_changes_nothing() {
    let Some(fixture) = fixture() else { return };
    let db = fixture.open();
    let runs = Arc::new(AtomicU32::new(0));
    let seen = Arc::clone(&runs);
    let fault = db.write_blocking(TENANT, move |tx| {
        seen.fetch_add(1, Ordering::Relaxed);
        insert(tx, 1)?;
        tx.all(KILL_ONESELF, args![], |_| Ok(()))?;
        Ok(())
    });
    let fault = fault.unwrap_err();
    assert_eq!(fault.code, Code::Unavailable);
    assert!(fault.detail.contains("Nothing was changed"), "{fault:?}");
    assert_eq!((runs.load(Ordering::Relaxed), count(&db)), (2, 0));
}

#[test]
fn a_connection_lost_under_commit_says_that_the_outcome_is_unknown_and_runs_nothing_again() {
    let Some(fixture) = fixture() else { return };
    let db = fixture.open();
    db.write_blocking(TENANT, |tx| {
        tx.exec(
            "CREATE FUNCTION die() RETURNS trigger LANGUAGE plpgsql AS
             'BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NULL; END'",
            args![],
        )?;
        tx.exec(
            "CREATE CONSTRAINT TRIGGER die_at_commit AFTER INSERT ON wallet DEFERRABLE INITIALLY DEFERRED
             FOR EACH ROW EXECUTE FUNCTION die()",
            args![],
        )?;
        Ok(())
    })
    .unwrap();
    let runs = Arc::new(AtomicU32::new(0));
    let seen = Arc::clone(&runs);
    let fault = db.write_blocking(TENANT, move |tx| {
        seen.fetch_add(1, Ordering::Relaxed);
        insert(tx, 1)
    });
    let fault = fault.unwrap_err();
    assert_eq!((fault.code, runs.load(Ordering::Relaxed)), (Code::Unavailable, 1));
    assert!(fault.detail.contains("unknown") && fault.detail.contains("same Idempotency-Key"), "{fault:?}");
    assert_eq!(count(&db), 0, "and the next caller is served");
}

#[test]
fn a_lock_that_does_not_come_is_unavailable() {
    const LOCK: &str = "SELECT id FROM wallet WHERE tenant_id = ?1 FOR UPDATE";
    let Some(fixture) = fixture() else { return };
    let db = fixture.open();
    db.write_blocking(TENANT, |tx| insert(tx, 1)).unwrap();
    let other = db.clone();
    db.write_blocking(TENANT, move |tx| {
        tx.all(LOCK, args![TENANT], |_| Ok(()))?;
        let fault = other.write_blocking(TENANT, |tx| {
            tx.exec("SET LOCAL lock_timeout = '20ms'", args![])?;
            Ok(tx.all(LOCK, args![TENANT], |_| Ok(()))?)
        });
        let fault = fault.unwrap_err();
        assert_eq!(fault.code, Code::Unavailable);
        assert!(fault.detail.contains("Other requests"), "{fault:?}");
        Ok(())
    })
    .unwrap();
}

#[test]
fn an_outage_is_answered_and_ends_by_itself() {
    let Some(fixture) = fixture() else { return };
    let db = fixture.open();
    db.write_blocking(TENANT, |tx| insert(tx, 1)).unwrap();
    fixture.administer("ALTER DATABASE DATABASE_NAME ALLOW_CONNECTIONS false");
    fixture
        .administer("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'DATABASE_NAME'");
    // Each of the four threads finds out by itself.
    for id in 2..12 {
        let fault = db.write_blocking(TENANT, move |tx| insert(tx, id)).unwrap_err();
        assert_eq!(fault.code, Code::Unavailable, "{fault:?}");
    }
    assert!(!db.status().reachable);
    fixture.administer("ALTER DATABASE DATABASE_NAME ALLOW_CONNECTIONS true");
    while db.write_blocking(TENANT, |tx| insert(tx, 2)).is_err() {
        std::thread::yield_now();
    }
    assert!(db.status().reachable);
    assert_eq!(count(&db), 2);
}

#[test]
fn idle_connections_that_were_killed_go_unnoticed() {
    let Some(fixture) = fixture() else { return };
    let db = fixture.open();
    for round in 0..3 {
        fixture.administer(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'DATABASE_NAME'",
        );
        for id in 0..8 {
            db.write_blocking(TENANT, move |tx| insert(tx, round * 8 + id)).unwrap();
        }
    }
    assert_eq!(count(&db), 24);
}

#[test]
fn a_statement_whose_plan_a_migration_changed_is_prepared_anew() {
    const READ: &str = "SELECT * FROM wallet";
    let Some(mut fixture) = fixture() else { return };
    fixture.settings.connections = 1;
    let db = fixture.open();
    db.write_blocking(TENANT, |tx| insert(tx, 1)).unwrap();
    let read = || db.read_blocking(|tx| Ok(tx.one(READ, args![], |row| row.int("balance"))?));
    assert_eq!(read().unwrap(), 10);
    db.write_blocking(TENANT, |tx| Ok(tx.exec("ALTER TABLE wallet ADD COLUMN later BIGINT", args![])?))
        .unwrap();
    assert_eq!(read().unwrap(), 10);
}

#[test]
fn nodes_that_start_together_migrate_once() {
    let Some(fixture) = fixture() else { return };
    let nodes: Vec<Db> = std::thread::scope(|scope| {
        let nodes: Vec<_> = (0..4).map(|_| scope.spawn(|| fixture.open())).collect();
        nodes.into_iter().map(|node| node.join().unwrap()).collect()
    });
    nodes[0].write_blocking(TENANT, |tx| insert(tx, 1)).unwrap();
    for node in &nodes {
        assert_eq!(count(node), 1);
    }
}

#[test]
fn a_server_that_is_not_there_is_a_clear_error() {
    let Some(_) = fixture() else { return };
    let url = Secret::new("postgres://nobody:hunter2@/nothing?host=/nowhere".into());
    let fault = Db::open(Settings::new(Source::Postgres { url }, SCHEMA)).unwrap_err();
    assert_eq!(fault.code, Code::Unavailable);
    assert!(!format!("{fault:?}").contains("hunter2"), "{fault:?}");
    assert!(fault.detail.contains("Check the database URL"), "{fault:?}");
}
