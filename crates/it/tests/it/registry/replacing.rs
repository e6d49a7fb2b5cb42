//! One registry takes the place of another, and what is left of the one before.

use std::sync::Arc;

use db::args;
use serde_json::{Value, json};
use services::citizen::registry::{Found, RecordStatus, imported};
use tokio::sync::Barrier;

use super::{IMPORTS, Rows, citizens, number_of, record};
use crate::fixture::World;

alone_on_both_engines! {
    readers_see_the_old_registry_or_the_new_one_and_nothing_between
    a_replaced_registry_loses_its_key_at_once_and_its_rows_in_time
    an_import_that_was_given_up_leaves_the_active_registry
    an_import_that_nobody_goes_on_with_is_swept
}

/// Looks two numbers up in one transaction; both must be of one registry.
async fn look(world: &World, number: u64) -> String {
    let secrets = world.app.kernel.secrets.clone();
    let pair = [number_of(number), number_of(number + 1)];
    let names = world.app.kernel.db.read(move |tx| {
        let mut names = Vec::new();
        for number in &pair {
            match imported::find(tx, &secrets, number)? {
                Some(Found::Record(record)) => names.push(record.full_name),
                other => names.push(format!("{other:?}")),
            }
        }
        Ok(names)
    });
    let names = names.await.unwrap();
    assert_eq!(names[0], names[1]);
    names.into_iter().next().unwrap()
}

async fn readers_see_the_old_registry_or_the_new_one_and_nothing_between(world: Arc<World>) {
    world.import("live", &citizens(0..3000, "Old")).await;
    let have_looked = Arc::new(Barrier::new(4));
    let readers: Vec<_> = (0..3_u64)
        .map(|reader| {
            let (world, have_looked) = (Arc::clone(&world), Arc::clone(&have_looked));
            tokio::spawn(async move {
                let mut seen = vec![look(&world, reader).await];
                have_looked.wait().await;
                let mut number = reader;
                while seen.last().is_none_or(|name| name != "New") {
                    number += 7;
                    let name = look(&world, number % 2999).await;
                    if seen.last() != Some(&name) {
                        seen.push(name);
                    }
                }
                seen
            })
        })
        .collect();
    have_looked.wait().await;
    let next = world.begin_import("live").await;
    world.send_rows(next, 0, &citizens(0..3000, "New")).await.expect(200);
    world.merge_import(next).await;
    assert_eq!(look(&world, 5).await, "Old", "what loads is read by nobody");
    world.finish_import(next).await;
    attestry::workers::sweep(&world.app.kernel).await.unwrap();
    assert_eq!(look(&world, 5).await, "New");
    for reader in readers {
        assert_eq!(reader.await.unwrap(), ["Old", "New"]);
    }
}

async fn a_replaced_registry_loses_its_key_at_once_and_its_rows_in_time(world: Arc<World>) {
    const KEY: &str = "SELECT sealed_key FROM registry_generation WHERE generation = ?1";
    let old = world.import("live", &citizens(0..1200, "Old")).await;
    let rehearsal = world.import("test", &citizens(0..5, "Rehearsed")).await;
    let key = |import: i64| {
        let db = world.app.kernel.db.clone();
        async move { db.read(move |tx| Ok(tx.one(KEY, args![import], |row| row.bytes(0))?)).await.unwrap() }
    };
    assert!(key(old).await.iter().any(|byte| *byte != 0));
    let new = world.import("live", &citizens(0..10, "New")).await;
    assert!(key(old).await.iter().all(|byte| *byte == 0));
    for kept in [new, rehearsal] {
        assert!(key(kept).await.iter().any(|byte| *byte != 0));
    }
    assert_eq!(world.registry_rows().await.records, 1215);
    attestry::workers::sweep(&world.app.kernel).await.unwrap();
    assert_eq!(world.registry_rows().await.records, 15);
    assert_eq!(world.find(&number_of(3)).await, record("New", "1990-01-31", RecordStatus::Active));
    assert_eq!(world.find(&number_of(300)).await, Some(Found::Unknown));
    let imports = world.operate("GET", IMPORTS, Value::Null).await;
    let states: Vec<_> = imports["data"].as_array().unwrap().iter().map(|row| row["state"].clone()).collect();
    assert_eq!(states, ["active", "active", "retired"]);
}

async fn an_import_that_was_given_up_leaves_the_active_registry(world: Arc<World>) {
    world.import("live", &citizens(0..10, "Old")).await;
    let next = world.begin_import("live").await;
    world.send_rows(next, 0, &citizens(0..10, "New")).await.expect(200);
    world.merge_import(next).await;
    let path = format!("{IMPORTS}/{next}");
    assert_eq!(world.operate("DELETE", &path, Value::Null).await["state"], "retired");
    assert_eq!(world.operate("DELETE", &path, Value::Null).await["state"], "retired");
    attestry::workers::sweep(&world.app.kernel).await.unwrap();
    let Rows { records, staged, .. } = world.registry_rows().await;
    assert_eq!((records, staged), (10, 0));
    assert_eq!(world.find(&number_of(3)).await, record("Old", "1990-01-31", RecordStatus::Active));
    // The next import is not kept from beginning.
    world.import("live", &citizens(0..10, "Newer")).await;
    assert_eq!(world.find(&number_of(3)).await, record("Newer", "1990-01-31", RecordStatus::Active));
}

async fn an_import_that_nobody_goes_on_with_is_swept(world: Arc<World>) {
    let broken_off = world.begin_import("live").await;
    world.send_rows(broken_off, 0, &citizens(0..500, "Lost")).await.expect(200);
    world.operate("POST", &format!("{IMPORTS}/{broken_off}/merge"), json!({ "bucket": 0 })).await;
    let left = world.registry_rows().await;
    assert_eq!(left.records, 500);
    attestry::workers::sweep(&world.app.kernel).await.unwrap();
    assert_eq!(world.registry_rows().await, left, "it may go on");
    world.clock.advance_seconds(3601);
    attestry::workers::sweep(&world.app.kernel).await.unwrap();
    let Rows { records, staged, .. } = world.registry_rows().await;
    assert_eq!((records, staged), (0, 0));
    let imports = world.operate("GET", IMPORTS, Value::Null).await;
    assert_eq!(imports["data"][0]["state"], "retired");
    assert_eq!(world.find(&number_of(3)).await, None);
}
