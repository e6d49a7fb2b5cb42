//! Rotation: a new secret at once, a grace of exactly 15 minutes for the old one, and no way to stretch it.

use std::sync::Arc;

use base::{Code, Fault, Timestamp};
use kernel::keys::{self, GRACE_SECONDS_MAX, Key, NewKey};

use crate::fixture::{CITIZEN, START, World, new_key, with_key};
use crate::shop::buy;

on_both_engines! {
    the_old_key_works_for_exactly_its_grace
    no_grace_ends_the_old_key_at_once
    a_retried_rotation_replaces_the_unused_key_and_keeps_the_old_deadline
    rotating_a_used_key_ends_the_older_one_at_once
    rotating_the_older_of_two_is_rotating_the_lineage
    a_deadline_is_never_moved_further_away
    only_a_live_key_is_rotated
    a_grace_out_of_range_changes_nothing
    a_rotated_key_keeps_its_lineage_scopes_limit_and_expiry
    at_most_two_keys_of_a_lineage_are_ever_live
    rotations_at_once_leave_one_key_without_a_deadline
    rotating_while_revoking_never_fails_on_our_side
}

async fn rotate(world: &Arc<World>, key: &Key, grace_seconds: i64) -> Result<Key, Fault> {
    let (secrets, key_id) = (Arc::clone(&world.kernel.secrets), key.key_id);
    let rotated = world.write(move |tx, ctx| keys::rotate(tx, ctx, &secrets, key_id, grace_seconds)).await;
    rotated.map(|(key, _)| key)
}

async fn revoked_at(world: &Arc<World>, key: &Key) -> Option<Timestamp> {
    let (tenant_id, environment, key_id) = (key.tenant_id, key.environment, key.key_id);
    world.read(move |tx| keys::find(tx, tenant_id, environment, key_id)).await.revoked_at
}

async fn is_live(world: &Arc<World>, key: &Key) -> bool {
    match buy(&world.kernel, world.call(key)).await {
        Ok(_) => true,
        Err(fault) => {
            assert_eq!(fault.code, Code::CredentialInvalid);
            false
        }
    }
}

async fn the_old_key_works_for_exactly_its_grace(world: Arc<World>) {
    let (old, _) = world.key().await;
    let new = rotate(&world, &old, GRACE_SECONDS_MAX).await.unwrap();
    assert_eq!(revoked_at(&world, &old).await, Some(START.plus_seconds(900)));
    assert_eq!(revoked_at(&world, &new).await, None);
    world.clock.advance_seconds(899);
    assert!(is_live(&world, &old).await && is_live(&world, &new).await);
    world.clock.advance_seconds(1);
    assert!(!is_live(&world, &old).await && is_live(&world, &new).await);
    world.clock.advance_seconds(1_000_000);
    assert!(!is_live(&world, &old).await && is_live(&world, &new).await);
}

async fn no_grace_ends_the_old_key_at_once(world: Arc<World>) {
    let (old, _) = world.key().await;
    let new = rotate(&world, &old, 0).await.unwrap();
    assert!(!is_live(&world, &old).await && is_live(&world, &new).await);
}

async fn a_retried_rotation_replaces_the_unused_key_and_keeps_the_old_deadline(world: Arc<World>) {
    let (deployed, _) = world.key().await;
    let lost = rotate(&world, &deployed, 900).await.unwrap();
    world.clock.advance_seconds(10);
    let again = rotate(&world, &deployed, 900).await.unwrap();
    assert_eq!(revoked_at(&world, &deployed).await, Some(START.plus_seconds(900)), "the old deadline stays");
    assert_eq!(revoked_at(&world, &lost).await, Some(START.plus_seconds(10)));
    assert!(
        is_live(&world, &deployed).await && !is_live(&world, &lost).await && is_live(&world, &again).await
    );
    let by_newest = rotate(&world, &again, 900).await.unwrap();
    assert!(!is_live(&world, &again).await, "calling is not the use that counts: the door notes it");
    assert!(is_live(&world, &deployed).await && is_live(&world, &by_newest).await);
    assert_eq!(revoked_at(&world, &deployed).await, Some(START.plus_seconds(900)));
}

async fn rotating_a_used_key_ends_the_older_one_at_once(world: Arc<World>) {
    let (older, _) = world.key().await;
    let used = rotate(&world, &older, 900).await.unwrap();
    keys::note_use(&world.kernel, &used).await.unwrap();
    world.clock.advance_seconds(10);
    let newest = rotate(&world, &used, 900).await.unwrap();
    assert!(!is_live(&world, &older).await);
    assert_eq!(revoked_at(&world, &older).await, Some(START.plus_seconds(10)));
    assert_eq!(revoked_at(&world, &used).await, Some(START.plus_seconds(910)));
    assert!(is_live(&world, &used).await && is_live(&world, &newest).await);
}

async fn rotating_the_older_of_two_is_rotating_the_lineage(world: Arc<World>) {
    let (older, _) = world.key().await;
    let used = rotate(&world, &older, 900).await.unwrap();
    keys::note_use(&world.kernel, &used).await.unwrap();
    let newest = rotate(&world, &older, 900).await.unwrap();
    assert!(!is_live(&world, &older).await && is_live(&world, &used).await && is_live(&world, &newest).await);
}

async fn a_deadline_is_never_moved_further_away(world: Arc<World>) {
    let (old, _) = world.key().await;
    let next = rotate(&world, &old, 900).await.unwrap();
    let next_id = next.key_id;
    world.write(move |tx, ctx| keys::revoke(tx, ctx, next_id)).await.unwrap();
    world.clock.advance_seconds(600);
    let saved = rotate(&world, &old, 900).await.unwrap();
    assert_eq!(revoked_at(&world, &old).await, Some(START.plus_seconds(900)));
    assert_eq!(revoked_at(&world, &next).await, Some(START), "what is over stays over");
    world.clock.advance_seconds(300);
    assert!(!is_live(&world, &old).await && is_live(&world, &saved).await);
    let old_id = old.key_id;
    world.write(move |tx, ctx| keys::revoke(tx, ctx, old_id)).await.unwrap();
    assert_eq!(
        revoked_at(&world, &old).await,
        Some(START.plus_seconds(900)),
        "revoking again changes nothing"
    );
}

async fn only_a_live_key_is_rotated(world: Arc<World>) {
    let (old, _) = world.key().await;
    let new = rotate(&world, &old, 0).await.unwrap();
    let expiring = NewKey { expires_at: Some(START.plus_seconds(5)), ..new_key(CITIZEN) };
    let (expiring, _) = world.create_key(expiring).await.unwrap();
    world.clock.advance_seconds(5);
    for dead in [&old, &expiring] {
        assert_eq!(rotate(&world, dead, 900).await.unwrap_err().code, Code::Conflict);
    }
    assert!(is_live(&world, &new).await && revoked_at(&world, &new).await.is_none());
    assert_eq!(world.count("SELECT COUNT(*) FROM api_key WHERE tenant_id = ?1").await, 3);
}

async fn a_grace_out_of_range_changes_nothing(world: Arc<World>) {
    let (old, _) = world.key().await;
    for grace in [-1, GRACE_SECONDS_MAX + 1, i64::MAX] {
        assert_eq!(rotate(&world, &old, grace).await.unwrap_err().code, Code::Invalid);
    }
    assert_eq!(revoked_at(&world, &old).await, None);
    assert_eq!(world.count("SELECT COUNT(*) FROM api_key WHERE tenant_id = ?1").await, 1);
}

async fn a_rotated_key_keeps_its_lineage_scopes_limit_and_expiry(world: Arc<World>) {
    let expires_at = Some(START.plus_seconds(5000));
    let (old, minted) = world
        .create_key(NewKey { expires_at, rate_limit_per_minute: Some(7), ..new_key(CITIZEN) })
        .await
        .unwrap();
    let new = rotate(&world, &old, 900).await.unwrap();
    let wanted = Key {
        key_id: new.key_id,
        last_four: new.last_four.clone(),
        created_at: new.created_at,
        ..old.clone()
    };
    assert_eq!(new, wanted);
    let found = keys::authenticate(&world.kernel, minted.secret.expose(), None).await.unwrap();
    assert_eq!(found.key.key_id, old.key_id, "the old text is still the old key");
}

const LIVE: &str = "SELECT COUNT(*) FROM api_key WHERE tenant_id = ?1 AND revoked_at_us IS NULL";

async fn at_most_two_keys_of_a_lineage_are_ever_live(world: Arc<World>) {
    let (mut newest, _) = world.key().await;
    let mut made = vec![newest.clone()];
    for round in 0..12 {
        if round % 3 == 0 {
            keys::note_use(&world.kernel, &newest).await.unwrap();
        }
        if round % 4 == 0 {
            world.clock.advance_seconds(1);
        }
        newest = rotate(&world, &newest, 900).await.unwrap();
        made.push(newest.clone());
        let mut live = 0;
        for key in &made {
            live += u32::from(revoked_at(&world, key).await.is_none_or(|at| at > world.clock.now()));
        }
        assert!(live <= 2, "round {round}: {live}");
        assert_eq!((world.count(LIVE).await, revoked_at(&world, &newest).await), (1, None), "round {round}");
    }
}

async fn rotations_at_once_leave_one_key_without_a_deadline(world: Arc<World>) {
    let (old, _) = world.key().await;
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..16 {
        let (world, old) = (Arc::clone(&world), old.clone());
        tasks.spawn(async move { rotate(&world, &old, 900).await });
    }
    let rotated = tasks.join_all().await;
    assert!(rotated.iter().all(|outcome| match outcome {
        Ok(_) => true,
        Err(fault) => matches!(fault.code, Code::Unavailable),
    }));
    assert!(rotated.iter().any(Result::is_ok));
    assert_eq!(world.count(LIVE).await, 1);
    assert_eq!(revoked_at(&world, &old).await, Some(START.plus_seconds(900)));
    let mut live = 0;
    for key in rotated.into_iter().flatten() {
        live += u32::from(is_live(&world, &key).await);
    }
    assert_eq!(live, 1);
}

async fn rotating_while_revoking_never_fails_on_our_side(world: Arc<World>) {
    for _ in 0..8 {
        let (old, _) = world.key().await;
        let old_id = old.key_id;
        let rotation = tokio::spawn({
            let (world, old) = (Arc::clone(&world), old.clone());
            async move { rotate(&world, &old, 900).await }
        });
        world.write(move |tx, ctx| keys::revoke(tx, ctx, old_id)).await.unwrap();
        let rotated = rotation.await.unwrap();
        assert!(!is_live(&world, &old).await);
        match rotated {
            Ok(next) => drop(buy(&world.kernel, with_key(world.call(&next), "k")).await.unwrap()),
            Err(fault) => assert_eq!(fault.code, Code::Conflict, "{fault:?}"),
        }
    }
}
