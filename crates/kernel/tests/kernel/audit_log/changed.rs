//! Whoever changes a stored row, or erases one as it should be.

use super::*;

on_both_engines! {
    every_changed_column_of_a_stored_row_breaks_its_proof
    a_row_that_was_removed_or_moved_leaves_a_gap
    erasure_destroys_what_it_should_and_keeps_every_proof
    a_row_that_was_erased_before_it_was_sealed_is_sealed_without_what_it_held
}

const CHANGES: &[&str] = &[
    "UPDATE audit SET actor_type = 'key' WHERE log_index = 2",
    "UPDATE audit SET actor_id = 'olgb' WHERE log_index = 2",
    "UPDATE audit SET action = 'test.olf' WHERE log_index = 2",
    "UPDATE audit SET target = 'a targeu' WHERE log_index = 2",
    "UPDATE audit SET outcome = 'refused' WHERE log_index = 2",
    "UPDATE audit SET request_id = 'req_0' WHERE log_index = 2",
    "UPDATE audit SET before_hash = salt WHERE log_index = 2",
    "UPDATE audit SET after_hash = salt WHERE log_index = 2",
    "UPDATE audit SET note = NULL WHERE log_index = 2",
    "UPDATE audit SET at_us = at_us + 1 WHERE log_index = 2",
    "UPDATE audit SET environment = 'live' WHERE log_index = 2",
    "UPDATE audit SET audit_id = 'aud_1' WHERE log_index = 2",
    "UPDATE audit SET tenant_id = 'tn_1' WHERE log_index = 2",
    "UPDATE audit SET row_number = 99 WHERE log_index = 2",
    "UPDATE audit SET salt = (SELECT salt FROM audit WHERE log_index = 1) WHERE log_index = 2",
];

async fn filled(world: &World, count: usize) -> Checkpoint {
    begin(&world.kernel).await;
    add_old(&world.kernel, world.tenant_id, count).await;
    seal_all(&world.kernel).await;
    assert_whole(&world.kernel).await
}

async fn change(world: &World, sql: &'static str) {
    let changed = world.kernel.db.write(world.tenant_id, move |tx| Ok(tx.exec(sql, args![])?)).await.unwrap();
    assert_eq!(changed, 1, "{sql}");
}

async fn every_changed_column_of_a_stored_row_breaks_its_proof(world: Arc<World>) {
    let mut checkpoint = filled(&world, 3).await;
    for sql in CHANGES {
        change(&world, sql).await;
        for row in rows(&world.kernel).await {
            assert_eq!(is_proven(&world.kernel, &row, &checkpoint).await, row.log_index != 2, "{sql}");
        }
        // The next change is made to a new log, because this one is spoilt.
        change(&world, "DELETE FROM audit WHERE log_index = 2").await;
        world
            .kernel
            .db
            .write(world.tenant_id, |tx| Ok(tx.exec("DELETE FROM audit", args![])?))
            .await
            .unwrap();
        start_anew(&world, "a test").await;
        checkpoint = filled(&world, 3).await;
    }
}

async fn a_row_that_was_removed_or_moved_leaves_a_gap(world: Arc<World>) {
    let checkpoint = filled(&world, 4).await;
    change(&world, "UPDATE audit SET log_index = 99 WHERE log_index = 3").await;
    change(&world, "UPDATE audit SET log_index = 3 WHERE log_index = 2").await;
    change(&world, "UPDATE audit SET log_index = 2 WHERE log_index = 99").await;
    for row in rows(&world.kernel).await {
        let is_moved = [2, 3].contains(&row.log_index);
        assert_eq!(is_proven(&world.kernel, &row, &checkpoint).await, !is_moved, "{row:?}");
    }
    change(&world, "DELETE FROM audit WHERE log_index = 3").await;
    let indices: Vec<u64> = rows(&world.kernel).await.iter().map(|row| row.log_index).collect();
    assert_eq!(indices, [1, 2, 4], "the checkpoint says that there are four");
    assert_eq!(checkpoint.size, 5);
}

async fn erase(world: &World, audit_id: AuditId) -> bool {
    let (tenant_id, random) = (world.tenant_id, world.kernel.random.clone());
    world.kernel.db.write(tenant_id, move |tx| audit::erase(tx, tenant_id, audit_id, &random)).await.unwrap()
}

async fn erasure_destroys_what_it_should_and_keeps_every_proof(world: Arc<World>) {
    const LEFT: &str = "SELECT CAST(COUNT(*) AS BIGINT) FROM audit WHERE tenant_id = ?1 AND (salt IS NULL \
        AND actor_id = '' AND target = '' AND note IS NULL AND before_hash IS NULL AND after_hash IS NULL)";
    begin(&world.kernel).await;
    let ids = add_old(&world.kernel, world.tenant_id, 4).await;
    seal_all(&world.kernel).await;
    let before = assert_whole(&world.kernel).await;
    assert!(erase(&world, ids[1]).await && erase(&world, ids[1]).await, "twice is as good as once");
    assert!(!erase(&world, AuditId::from_bits(1)).await);
    assert_eq!(world.count(LEFT).await, 1);
    assert_eq!(assert_whole(&world.kernel).await, before);
}

async fn a_row_that_was_erased_before_it_was_sealed_is_sealed_without_what_it_held(world: Arc<World>) {
    begin(&world.kernel).await;
    let ids = add_old(&world.kernel, world.tenant_id, 2).await;
    assert!(erase(&world, ids[0]).await);
    assert_eq!(seal_all(&world.kernel).await, 2);
    assert_whole(&world.kernel).await;
}
