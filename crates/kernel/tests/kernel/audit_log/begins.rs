//! Which log a node goes on with when it starts.

use kernel::audit::log::Beside;
use seal::beginning::Beginning;

use super::*;

on_both_engines! {
    a_node_that_starts_again_goes_on_with_its_log
    a_database_that_was_set_back_begins_a_new_log_that_names_the_old_one
    a_database_with_another_history_of_the_same_length_is_noticed
    a_log_that_was_begun_anew_ends_the_lease_of_the_one_before
    nodes_that_begin_at_once_begin_one_log
    a_folder_without_the_last_checkpoint_is_a_restored_one_on_sqlite_and_a_new_node_on_postgresql
}

async fn start(world: &World, beside: Beside) -> Checkpoint {
    log::begin(&world.kernel, beside).await.unwrap().checkpoint
}

async fn a_node_that_starts_again_goes_on_with_its_log(world: Arc<World>) {
    let first = start(&world, Beside::Nothing).await;
    assert_eq!(first.size, 1);
    add_old(&world.kernel, world.tenant_id, 5).await;
    seal_all(&world.kernel).await;
    let second = published(&world.kernel).await;
    assert_eq!(start(&world, Beside::Last(first)).await, second, "another node may have gone on meanwhile");
    assert_eq!(start(&world, Beside::Last(second.clone())).await, second);
}

async fn a_database_that_was_set_back_begins_a_new_log_that_names_the_old_one(world: Arc<World>) {
    begin(&world.kernel).await;
    add_old(&world.kernel, world.tenant_id, 5).await;
    seal_all(&world.kernel).await;
    let old = published(&world.kernel).await;
    let lost = Checkpoint { size: old.size + 3, root: [9; 32], ..old.clone() };
    add_old(&world.kernel, world.tenant_id, 2).await;
    let new = start(&world, Beside::Last(lost.clone())).await;
    assert_ne!(new.origin, old.origin);
    let head = world.read(log::head).await.unwrap();
    assert_eq!(head.log_number, 2);
    let expected = Beginning {
        origin: new.origin.clone(),
        began_at_us: world.clock.now().micros(),
        reason: "9 rows were signed, and the database holds 6 of them".into(),
        previous: Some(old.clone()),
    };
    assert_eq!(head.beginning, expected.text());
    let beginning = leaf_hash(&expected.entry());
    assert!(is_included(&beginning, 0, 1, &[], &new.root), "the first leaf is that text");
    // What the old log held stays proven there, and the rest goes on in the new one.
    assert_eq!(seal_all(&world.kernel).await, 2);
    let rows = rows(&world.kernel).await;
    assert_eq!(rows.iter().map(|row| (row.log_index, row.row.number)).collect::<Vec<_>>(), [(1, 6), (2, 7)]);
    let of_old = world.read(|tx| audit::sealed_after(tx, 1, -1, 100)).await;
    for row in of_old {
        assert!(is_proven(&world.kernel, &row, &old).await);
    }
    let other_node = start(&world, Beside::Last(lost)).await;
    assert_eq!(other_node.origin, new.origin, "one new log is enough for all nodes that remember more");
}

async fn a_database_with_another_history_of_the_same_length_is_noticed(world: Arc<World>) {
    begin(&world.kernel).await;
    add_old(&world.kernel, world.tenant_id, 5).await;
    seal_all(&world.kernel).await;
    let own = published(&world.kernel).await;
    for other in [
        Checkpoint { root: [9; 32], ..own.clone() },
        Checkpoint { origin: "attestry/x".into(), ..own.clone() },
    ] {
        let before = published(&world.kernel).await.origin;
        assert_ne!(start(&world, Beside::Last(other)).await.origin, before);
    }
}

async fn a_log_that_was_begun_anew_ends_the_lease_of_the_one_before(world: Arc<World>) {
    begin(&world.kernel).await;
    add_old(&world.kernel, world.tenant_id, 2).await;
    let lease = log::take_lease(&world.kernel).await.unwrap().unwrap();
    log::salt_next(&world.kernel, "").await.unwrap();
    let new = start_anew(&world, "a restore").await;
    assert_eq!(log::append_next(&world.kernel, lease, "").await.unwrap_err().code, base::Code::Conflict);
    seal_all(&world.kernel).await;
    assert_eq!(assert_whole(&world.kernel).await.origin, new.checkpoint.origin);
}

async fn nodes_that_begin_at_once_begin_one_log(world: Arc<World>) {
    let mut nodes = Vec::new();
    for _ in 0..4 {
        let kernel = world.another_kernel(world.clock.clone());
        nodes.push(tokio::spawn(async move { begin(&kernel).await.origin }));
    }
    let mut origins = std::collections::BTreeSet::new();
    for node in nodes {
        origins.insert(node.await.unwrap());
    }
    assert_eq!(origins.len(), 1);
    assert_eq!(world.read(log::heads).await.len(), 1);
}

async fn a_folder_without_the_last_checkpoint_is_a_restored_one_on_sqlite_and_a_new_node_on_postgresql(
    world: Arc<World>,
) {
    let first = start(&world, Beside::Nothing).await;
    let again = start(&world, Beside::Nothing).await;
    assert_eq!(first.origin != again.origin, world.kernel.db.engine() == db::Engine::Sqlite);
}
