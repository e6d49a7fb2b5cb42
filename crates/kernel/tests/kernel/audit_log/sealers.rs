use super::*;
use crate::fixture::Pause;
use crate::shop;

on_both_engines! {
    every_row_gets_one_place_and_the_checkpoint_proves_it
    rows_of_before_there_was_a_log_are_sealed
    sealers_that_race_with_writers_and_each_other_miss_nothing_and_agree
    a_sealer_whose_lease_was_taken_appends_nothing
    nothing_is_written_while_there_is_nothing_to_seal
    each_tenant_gets_its_turn_however_many_rows_another_has
    the_entries_hash_to_the_leaves
}

mod postgres_only {
    #[test]
    fn a_row_that_commits_late_is_sealed_once_behind_those_that_were_faster() {
        crate::fixture::run(db::Engine::Postgres, super::late_row);
    }
}

async fn every_row_gets_one_place_and_the_checkpoint_proves_it(world: Arc<World>) {
    begin(&world.kernel).await;
    let (key, _) = world.key().await;
    world
        .write(|tx, ctx| {
            kernel::ledger::grant(
                tx,
                ctx,
                kernel::ledger::wallet_id(ctx.tenant_id, ctx.environment),
                100,
                None,
            )
            .map(|_| ())
        })
        .await
        .unwrap();
    for _ in 0..5 {
        shop::buy(&world.kernel, world.call(&key)).await.unwrap();
    }
    let first = published(&world.kernel).await;
    assert_eq!(seal_all(&world.kernel).await, 5);
    let second = assert_whole(&world.kernel).await;
    assert_eq!((first.size, second.size), (1, 6));
    add_old(&world.kernel, world.tenant_id, 600).await;
    assert_eq!(seal_all(&world.kernel).await, 600);
    let third = assert_whole(&world.kernel).await;
    assert_grew(&world.kernel, &first, &third).await;
    assert_grew(&world.kernel, &second, &third).await;
}

async fn rows_of_before_there_was_a_log_are_sealed(world: Arc<World>) {
    let other = world.another_tenant().await;
    add_old(&world.kernel, world.tenant_id, 1500).await;
    add_old(&world.kernel, other, 300).await;
    begin(&world.kernel).await;
    assert_eq!(seal_all(&world.kernel).await, 1800);
    assert_whole(&world.kernel).await;
}

async fn late_row(world: Arc<World>) {
    begin(&world.kernel).await;
    let (pause, point) = Pause::new();
    let (late, tenant_id) = (world.kernel.clone(), world.tenant_id);
    let writer = tokio::spawn(async move {
        let own = late.clone();
        let write = move |tx: &mut Tx<'_>| {
            let audit_id = write_old(tx, &own, tenant_id, "test")?;
            point.reach();
            Ok(audit_id)
        };
        late.db.write(tenant_id, write).await.unwrap()
    });
    tokio::task::spawn_blocking(move || {
        pause.wait();
        pause
    })
    .await
    .map(|pause| async {
        add_old(&world.kernel, tenant_id, 3).await;
        assert_eq!(seal_all(&world.kernel).await, 3);
        let before = published(&world.kernel).await;
        pause.release();
        let audit_id = writer.await.unwrap();
        assert_eq!(seal_all(&world.kernel).await, 1);
        let after = assert_whole(&world.kernel).await;
        assert_grew(&world.kernel, &before, &after).await;
        assert_eq!(rows(&world.kernel).await.last().unwrap().row.audit_id, audit_id.text());
    })
    .unwrap()
    .await;
}

async fn sealers_that_race_with_writers_and_each_other_miss_nothing_and_agree(world: Arc<World>) {
    const WRITERS: usize = 6;
    const ROWS_EACH: usize = 40;
    begin(&world.kernel).await;
    let tenants = [world.tenant_id, world.another_tenant().await, world.another_tenant().await];
    let mut writers = Vec::new();
    for at in 0..WRITERS {
        let (kernel, tenant_id) = (world.another_kernel(world.clock.clone()), tenants[at % tenants.len()]);
        writers.push(tokio::spawn(async move {
            for _ in 0..ROWS_EACH {
                add_old(&kernel, tenant_id, 1).await;
            }
        }));
    }
    let mut sealers = Vec::new();
    for _ in 0..3 {
        let (kernel, clock) = (world.another_kernel(world.clock.clone()), world.clock.clone());
        sealers.push(tokio::spawn(async move {
            let mut seen = Vec::new();
            for _ in 0..60 {
                // Each round finds the lease run out, so that every sealer takes it from under the others.
                clock.advance_seconds(31);
                match log::round(&kernel, "", |_| async { Ok(()) }).await {
                    Ok(_) => seen.push(published(&kernel).await),
                    Err(fault) => assert_eq!(fault.code, base::Code::Conflict, "{fault:?}"),
                }
            }
            seen
        }));
    }
    for writer in writers {
        writer.await.unwrap();
    }
    let mut seen = Vec::new();
    for sealer in sealers {
        seen.extend(sealer.await.unwrap());
    }
    world.clock.advance_seconds(31);
    seal_all(&world.kernel).await;
    let last = assert_whole(&world.kernel).await;
    assert_eq!(last.size, 1 + (WRITERS * ROWS_EACH) as u64);
    for checkpoint in seen {
        assert_grew(&world.kernel, &checkpoint, &last).await;
    }
}

async fn a_sealer_whose_lease_was_taken_appends_nothing(world: Arc<World>) {
    begin(&world.kernel).await;
    add_old(&world.kernel, world.tenant_id, 2).await;
    let stale = log::take_lease(&world.kernel).await.unwrap().unwrap();
    assert_eq!(log::take_lease(&world.kernel).await.unwrap(), None, "it is held");
    log::salt_next(&world.kernel, "").await.unwrap();
    world.clock.advance_seconds(31);
    let other = world.another_kernel(world.clock.clone());
    assert_eq!(seal_all(&other).await, 2);
    let before = published(&world.kernel).await;
    add_old(&world.kernel, world.tenant_id, 1).await;
    log::salt_next(&world.kernel, "").await.unwrap();
    let refused = log::append_next(&world.kernel, stale, "").await.unwrap_err();
    assert_eq!(refused.code, base::Code::Conflict);
    assert_eq!(published(&world.kernel).await, before);
    assert_eq!(seal_all(&world.kernel).await, 1);
    assert_whole(&world.kernel).await;
}

async fn nothing_is_written_while_there_is_nothing_to_seal(world: Arc<World>) {
    const FENCE: &str = "SELECT fence FROM audit_log WHERE log_number = 1";
    begin(&world.kernel).await;
    add_old(&world.kernel, world.tenant_id, 1).await;
    seal_all(&world.kernel).await;
    let fence = || world.read(|tx| Ok(tx.one(FENCE, args![], |row| row.int(0))?));
    let before = fence().await;
    assert_eq!(log::round(&world.kernel, "", |_| async { Ok(()) }).await.unwrap(), log::Sealed::default());
    assert_eq!(fence().await, before);
}

async fn each_tenant_gets_its_turn_however_many_rows_another_has(world: Arc<World>) {
    begin(&world.kernel).await;
    let mut tenants = vec![world.tenant_id];
    for _ in 0..40 {
        tenants.push(world.another_tenant().await);
    }
    let (mut after, mut seen) = (String::new(), std::collections::BTreeSet::new());
    // The rounds are kept full by every tenant, and two of them reach all.
    for _ in 0..2 {
        for tenant_id in &tenants {
            add_old(&world.kernel, *tenant_id, 40).await;
        }
        after = log::round(&world.kernel, &after, |_| async { Ok(()) }).await.unwrap().next_after;
    }
    seen.extend(rows(&world.kernel).await.into_iter().map(|row| row.row.tenant_id));
    assert_eq!(seen.len(), tenants.len());
}

async fn the_entries_hash_to_the_leaves(world: Arc<World>) {
    begin(&world.kernel).await;
    add_old(&world.kernel, world.tenant_id, 300).await;
    seal_all(&world.kernel).await;
    let tile = |path: &'static str| {
        let tile = seal::tile::Tile::parse(path).unwrap();
        world.read(move |tx| log::tile(tx, tile))
    };
    for (entries, leaves) in [("entries/000", "0/000"), ("entries/001.p/45", "0/001.p/45")] {
        let (entries, leaves) = (tile(entries).await.unwrap(), tile(leaves).await.unwrap());
        let hashes: Vec<_> = entries
            .chunks(34)
            .flat_map(|entry| {
                assert_eq!(entry[..2], [0, 32]);
                leaf_hash(&entry[2..])
            })
            .collect();
        assert_eq!(hashes, leaves);
    }
    assert_eq!(tile("0/001").await, None, "it is not full yet");
    assert_eq!(tile("0/001.p/46").await, None);
    assert_eq!(tile("1/000.p/1").await.unwrap().len(), 32);
    assert_eq!(tile("1/000.p/2").await, None);
}
