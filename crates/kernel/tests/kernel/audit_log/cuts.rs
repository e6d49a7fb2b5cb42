//! A sealer that dies between two of its steps, at each of them.

use super::*;

on_both_engines! {
    a_sealer_that_dies_between_any_two_steps_leaves_nothing_that_the_next_does_not_mend
    what_is_signed_was_kept_outside_the_database_first
    rows_that_were_appended_and_never_signed_get_a_place_in_the_log_that_follows
}

const STEPS: usize = 8;

async fn publish(kernel: &Kernel) -> Result<(), Fault> {
    let head = kernel.db.read(log::head).await?.unwrap();
    log::sign(kernel, &head.checkpoint).await
}

/// Works up to a step and dies before it.
async fn die_before(kernel: &Kernel, step: usize) -> Result<(), Fault> {
    if step == 0 {
        return Ok(());
    }
    let lease = log::take_lease(kernel).await?.unwrap();
    if step > 1 {
        publish(kernel).await?;
    }
    if step > 2 {
        log::mark_all(kernel).await?;
    }
    if step > 3 {
        log::salt_next(kernel, "").await?;
    }
    if step > 4 {
        log::append_next(kernel, lease, "").await?;
    }
    if step > 5 {
        publish(kernel).await?;
    }
    if step > 6 {
        log::mark_all(kernel).await?;
    }
    Ok(())
}

async fn a_sealer_that_dies_between_any_two_steps_leaves_nothing_that_the_next_does_not_mend(
    world: Arc<World>,
) {
    begin(&world.kernel).await;
    let other = world.another_tenant().await;
    let mut seen = Vec::new();
    // Each way to die after each: what one leaves must not confuse the next either.
    for first in 0..STEPS {
        for second in 0..STEPS {
            add_old(&world.kernel, world.tenant_id, 3).await;
            add_old(&world.kernel, other, 2).await;
            for step in [first, second] {
                let node = world.another_kernel(world.clock.clone());
                die_before(&node, step).await.unwrap();
                seen.push(published(&world.kernel).await);
                world.clock.advance_seconds(31);
            }
        }
    }
    seal_all(&world.kernel).await;
    let last = assert_whole(&world.kernel).await;
    assert_eq!(last.size, 1 + (STEPS * STEPS * 5) as u64);
    for checkpoint in seen {
        assert_grew(&world.kernel, &checkpoint, &last).await;
    }
}

async fn what_is_signed_was_kept_outside_the_database_first(world: Arc<World>) {
    begin(&world.kernel).await;
    add_old(&world.kernel, world.tenant_id, 3).await;
    let before = published(&world.kernel).await;
    let failed =
        log::round(&world.kernel, "", |_| async { Err(Fault::unavailable("the disk is full")) }).await;
    assert!(failed.is_err());
    assert_eq!(published(&world.kernel).await, before, "nothing was signed");
    world.clock.advance_seconds(31);
    let kept = std::sync::Mutex::new(None);
    log::round(&world.kernel, "", |checkpoint| {
        *kept.lock().unwrap() = Some(checkpoint);
        async { Ok(()) }
    })
    .await
    .unwrap();
    assert_eq!(kept.into_inner().unwrap().unwrap(), assert_whole(&world.kernel).await);
}

async fn rows_that_were_appended_and_never_signed_get_a_place_in_the_log_that_follows(world: Arc<World>) {
    begin(&world.kernel).await;
    add_old(&world.kernel, world.tenant_id, 3).await;
    seal_all(&world.kernel).await;
    let signed = published(&world.kernel).await;
    add_old(&world.kernel, world.tenant_id, 2).await;
    die_before(&world.kernel, 5).await.unwrap();
    start_anew(&world, "a restore").await;
    assert_eq!(world.read(log::heads).await[0].checkpoint, signed, "the log before ends where it was signed");
    assert_eq!(seal_all(&world.kernel).await, 2);
    let rows = rows(&world.kernel).await;
    assert_eq!(rows.iter().map(|row| (row.log_index, row.row.number)).collect::<Vec<_>>(), [(1, 4), (2, 5)]);
}
