//! What proves a caller, and what does not.

use std::sync::Arc;

use base::{Code, Environment, KeyKind, KeyText, Service};
use kernel::keys::{self, Credential, Filter, GRACE_SECONDS_MAX, KeyChange, NewKey, Object};
use kernel::{Clock, Kernel, Random};

use crate::fixture::{CITIZEN, START, World, new_key};
use crate::shop::{NOTHING, traces};

on_both_engines! {
    a_key_proves_its_owner_and_nothing_else_does
    only_its_text_is_a_key_and_it_is_stored_nowhere
    a_pair_needs_both_of_its_halves
    a_key_that_no_service_has_is_not_made
    a_key_dies_when_it_expires
    a_key_of_another_environment_is_not_found
    a_secret_exists_once_on_the_platform
    keys_are_listed_by_page_and_environment
    a_list_leaves_out_what_was_not_asked_for
    what_binds_a_key_is_kept_changed_and_inherited
    what_no_key_may_be_bound_to_is_refused
    the_first_use_is_noted_before_the_call_goes_on
    a_key_outlives_the_rotation_of_the_pepper
    a_secret_is_activated_once_and_the_newest_counts
}

const PARTNER: KeyText =
    KeyText { service: Service::Partner, kind: KeyKind::PairKey, environment: Environment::Test };

async fn refused(kernel: &Kernel, text: &str, pair: Option<&str>) -> bool {
    match keys::authenticate(kernel, text, pair).await {
        Ok(_) => false,
        Err(fault) => {
            assert_eq!((fault.code, fault.detail), (Code::CredentialInvalid, keys::invalid().detail));
            true
        }
    }
}

async fn a_key_proves_its_owner_and_nothing_else_does(world: Arc<World>) {
    let (key, minted) = world.key().await;
    let found = keys::authenticate(&world.kernel, minted.secret.expose(), None).await.unwrap().key;
    assert_eq!(found, key);
    assert_eq!(
        (found.tenant_id, found.service, found.environment),
        (world.tenant_id, Service::Citizen, Environment::Test)
    );
    assert!(found.last_used_at.is_none(), "looking up is not using");
    let stranger = CITIZEN.mint([7; 17]);
    assert!(refused(&world.kernel, stranger.expose(), None).await);
    assert_eq!(traces(&world).await, NOTHING);
}

async fn only_its_text_is_a_key_and_it_is_stored_nowhere(world: Arc<World>) {
    const STORED: &str = "SELECT api_key.label AS label, last_four, key_id, mac FROM api_key JOIN credential ON object_id = key_id";
    let (_, minted) = world.key().await;
    let text = minted.secret.expose().to_owned();
    let last = if text.ends_with('0') { "1" } else { "0" };
    let mistyped = format!("{}{last}", &text[..text.len() - 1]);
    let live = text.replace("test", "live");
    for wrong in
        [mistyped.as_str(), &live, &text.to_lowercase(), &text[1..], &format!("{text} "), "", "xq_test_"]
    {
        assert!(refused(&world.kernel, wrong, None).await, "{wrong}");
    }
    let secret = text.clone();
    world
        .read(move |tx| {
            let (label, last_four, mac) = tx.one(STORED, &[], |row| {
                Ok((row.text("label")?, row.text("last_four")?, row.bytes("mac")?))
            })?;
            assert!(secret.ends_with(&last_four) && last_four.len() == 4 && label == "a test");
            assert!(!secret.as_bytes().windows(8).any(|part| mac.windows(8).any(|other| other == part)));
            Ok(())
        })
        .await;
}

async fn a_pair_needs_both_of_its_halves(world: Arc<World>) {
    let (key, minted) = world.create_key(new_key(PARTNER)).await.unwrap();
    let (_, other) = world.create_key(new_key(PARTNER)).await.unwrap();
    let (single, alone) = world.key().await;
    let (first, second) = (minted.secret.expose(), minted.pair_secret.as_ref().unwrap().expose());
    let foreign = other.pair_secret.as_ref().unwrap().expose();
    assert_eq!(keys::authenticate(&world.kernel, first, Some(second)).await.unwrap().key, key);
    for wrong in [None, Some(foreign), Some(first), Some("")] {
        assert!(refused(&world.kernel, first, wrong).await, "{wrong:?}");
    }
    assert!(refused(&world.kernel, second, Some(first)).await, "the halves have their places");
    assert!(
        refused(&world.kernel, alone.secret.expose(), Some(second)).await,
        "a single key has no second half"
    );
    assert!(single.pair_mac.is_none() && alone.pair_secret.is_none());
}

async fn a_key_that_no_service_has_is_not_made(world: Arc<World>) {
    let long = "x".repeat(101);
    for (new, field) in [
        (new_key(KeyText { kind: KeyKind::Publishable, ..CITIZEN }), "kind"),
        (new_key(KeyText { kind: KeyKind::PairSecret, ..PARTNER }), "kind"),
        (new_key(KeyText { kind: KeyKind::Token, service: Service::Quota, ..CITIZEN }), "kind"),
        (NewKey { label: long, ..new_key(CITIZEN) }, "label"),
        (NewKey { expires_at: Some(START), ..new_key(CITIZEN) }, "expires_at"),
    ] {
        let fault = world.create_key(new).await.unwrap_err();
        assert_eq!((fault.code, fault.fields[0].field.as_ref()), (Code::Invalid, field));
    }
    assert_eq!(world.count("SELECT COUNT(*) FROM api_key WHERE tenant_id = ?1").await, 0);
    assert_eq!(world.count("SELECT COUNT(*) FROM credential WHERE tenant_id = ?1").await, 0);
}

async fn a_key_dies_when_it_expires(world: Arc<World>) {
    let new = NewKey { expires_at: Some(START.plus_seconds(100)), ..new_key(CITIZEN) };
    let (_, minted) = world.create_key(new).await.unwrap();
    let key = keys::authenticate(&world.kernel, minted.secret.expose(), None).await.unwrap().key;
    keys::ensure_live(&key, START.plus_micros(99_999_999)).unwrap();
    assert_eq!(keys::ensure_live(&key, START.plus_seconds(100)).unwrap_err().code, Code::CredentialExpired);
}

async fn a_key_of_another_environment_is_not_found(world: Arc<World>) {
    let live = KeyText { environment: Environment::Live, ..CITIZEN };
    let (key, _) = world.create_key(new_key(live)).await.unwrap();
    let (key_id, secrets) = (key.key_id, Arc::clone(&world.kernel.secrets));
    let revoked = world.write(move |tx, ctx| keys::revoke(tx, ctx, key_id)).await;
    let rotated = world.write(move |tx, ctx| keys::rotate(tx, ctx, &secrets, key_id, 0)).await;
    assert_eq!(revoked.unwrap_err().code, Code::NotFound);
    assert_eq!(rotated.unwrap_err().code, Code::NotFound);
    let (tenant_id, stranger) = (world.tenant_id, world.another_tenant().await);
    let found = world.read(move |tx| keys::find(tx, tenant_id, Environment::Live, key_id)).await;
    assert_eq!((found.revoked_at, found.key_id), (None, key_id));
    let foreign = world.kernel.db.read(move |tx| keys::find(tx, stranger, Environment::Live, key_id)).await;
    assert_eq!(foreign.unwrap_err().code, Code::NotFound);
}

async fn a_secret_exists_once_on_the_platform(world: Arc<World>) {
    let new = NewKey { development_label: Some("demo".into()), ..new_key(CITIZEN) };
    let (key, minted) = world.create_key(new.clone()).await.unwrap();
    assert_eq!(world.create_key(new).await.unwrap_err().code, Code::AlreadyExists);
    assert_eq!(world.count("SELECT COUNT(*) FROM api_key WHERE tenant_id = ?1").await, 1);
    let mac = world.kernel.secrets.credential_mac(minted.secret.expose());
    let found = world.read(move |tx| keys::find_credential(tx, &[[0; 32], mac])).await;
    assert_eq!(found, Some(Credential { tenant_id: world.tenant_id, object: Object::Key(key.key_id) }));
    assert_eq!(world.read(|tx| keys::find_credential(tx, &[[0; 32]])).await, None);
}

async fn keys_are_listed_by_page_and_environment(world: Arc<World>) {
    let mut made = Vec::new();
    for _ in 0..3 {
        world.clock.advance_seconds(1);
        made.push(world.key().await.0.key_id);
    }
    world.create_key(new_key(KeyText { environment: Environment::Live, ..CITIZEN })).await.unwrap();
    let page = |after, limit| {
        let tenant_id = world.tenant_id;
        world.read(move |tx| {
            let keys = keys::list(tx, tenant_id, Environment::Test, Filter::default(), after, limit)?;
            Ok(keys.iter().map(|key| key.key_id).collect::<Vec<_>>())
        })
    };
    assert_eq!(page(None, 2).await, made[..2]);
    assert_eq!(page(Some(made[1]), 2).await, made[2..]);
}

async fn the_first_use_is_noted_before_the_call_goes_on(world: Arc<World>) {
    let (key, minted) = world.key().await;
    keys::note_use(&world.kernel, &key).await.unwrap();
    let used = keys::authenticate(&world.kernel, minted.secret.expose(), None).await.unwrap().key;
    assert_eq!(used.last_used_at, Some(START));
    world.clock.advance_seconds(59);
    keys::note_use(&world.kernel, &used).await.unwrap();
    let same = keys::authenticate(&world.kernel, minted.secret.expose(), None).await.unwrap().key;
    assert_eq!(same.last_used_at, Some(START), "to the minute");
    world.clock.advance_seconds(1);
    keys::note_use(&world.kernel, &same).await.unwrap();
    loop {
        let later = keys::authenticate(&world.kernel, minted.secret.expose(), None).await.unwrap().key;
        if later.last_used_at == Some(START.plus_seconds(60)) {
            break;
        }
        tokio::task::yield_now().await;
    }
}

async fn a_key_outlives_the_rotation_of_the_pepper(world: Arc<World>) {
    let (old, old_minted) = world.create_key(new_key(PARTNER)).await.unwrap();
    let rotated = world.after_pepper_rotation();
    let old_text = (old_minted.secret.expose(), old_minted.pair_secret.as_ref().unwrap().expose());
    assert_eq!(keys::authenticate(&rotated, old_text.0, Some(old_text.1)).await.unwrap().key, old);
    let (own, new) = (rotated.clone(), new_key(PARTNER));
    let (fresh, minted) =
        world.write(move |tx, ctx| keys::create(tx, ctx, &own.secrets, &new)).await.unwrap();
    let text = (minted.secret.expose(), minted.pair_secret.as_ref().unwrap().expose());
    assert_eq!(keys::authenticate(&rotated, text.0, Some(text.1)).await.unwrap().key, fresh);
    assert!(
        refused(&world.kernel, text.0, Some(text.1)).await,
        "a node without the new pepper cannot know it"
    );
    assert_ne!(rotated.secrets.credential_mac("x"), world.kernel.secrets.credential_mac("x"));
    assert_eq!(rotated.secrets.idempotency_mac("x"), world.kernel.secrets.idempotency_mac("x"));
}

async fn a_secret_is_activated_once_and_the_newest_counts(world: Arc<World>) {
    use kernel::tenancy::{activate_secret, active_secret};
    let activate =
        |kind: &'static str, version| world.write(move |tx, ctx| activate_secret(tx, kind, version, ctx.now));
    assert_eq!(world.read(|tx| active_secret(tx, "pepper")).await, None);
    for version in [1, 3, 2, 3] {
        activate("pepper", version).await.unwrap();
    }
    activate("reply", 9).await.unwrap();
    assert_eq!(world.read(|tx| active_secret(tx, "pepper")).await, Some(3));
    let clock = Clock::manual(START);
    let kernel = world.another_kernel(clock);
    assert_eq!(
        kernel.secrets.activate_pepper(3).unwrap_err().code,
        Code::Conflict,
        "it is not distributed yet"
    );
    assert_eq!(kernel.secrets.active_pepper(), 1);
    assert_eq!(GRACE_SECONDS_MAX, 900);
    assert_ne!(Random::system().bytes::<16>(), Random::system().bytes::<16>());
}

async fn a_list_leaves_out_what_was_not_asked_for(world: Arc<World>) {
    let (citizen, _) = world.key().await;
    let (partner, _) = world.create_key(NewKey::new(PARTNER)).await.unwrap();
    let revoked = partner.key_id;
    world.write(move |tx, ctx| keys::revoke(tx, ctx, revoked)).await.unwrap();
    let tenant_id = world.tenant_id;
    let list = |filter| {
        world.read(move |tx| {
            let found = keys::list(tx, tenant_id, Environment::Test, filter, None, 100)?;
            Ok(found.into_iter().map(|key| key.key_id).collect::<Vec<_>>())
        })
    };
    let (service, live_at) = (Some(Service::Partner), Some(START));
    let both = list(Filter::default()).await;
    assert!(both.len() == 2 && both.contains(&citizen.key_id) && both.contains(&revoked), "{both:?}");
    assert_eq!(list(Filter { live_at, ..Filter::default() }).await, [citizen.key_id]);
    assert_eq!(list(Filter { service, ..Filter::default() }).await, [revoked]);
    assert_eq!(list(Filter { service, live_at }).await, []);
    let count = world.read(move |tx| keys::count_live(tx, tenant_id, Environment::Test, START)).await;
    assert_eq!(count, 1);
}

async fn what_binds_a_key_is_kept_changed_and_inherited(world: Arc<World>) {
    let form = KeyText { service: Service::Identity, kind: KeyKind::Publishable, ..CITIZEN };
    let new = NewKey {
        allowed_origins: vec!["https://a.example.com".parse().unwrap(), "*.example.org".parse().unwrap()],
        allowed_ips: vec!["10.0.0.0/8".parse().unwrap(), "::1".parse().unwrap()],
        spend_cap_per_day: Some(9),
        ..new_key(form)
    };
    let (key, minted) = world.create_key(new).await.unwrap();
    let found = keys::authenticate(&world.kernel, minted.secret.expose(), None).await.unwrap().key;
    assert_eq!(found, key);
    assert!(found.allows_address("10.1.2.3".parse().ok()) && !found.allows_address(None));
    assert!(found.allows_origin(Some("https://b.example.org")) && !found.allows_origin(None));
    let change = KeyChange {
        allowed_ips: Some(Vec::new()),
        spend_cap_per_day: Some(None),
        label: Some("changed".into()),
        ..KeyChange::default()
    };
    let key_id = key.key_id;
    let (before, after) = world.write(move |tx, ctx| keys::change(tx, ctx, key_id, &change)).await.unwrap();
    assert_eq!(before, key);
    assert_eq!(
        (&after.allowed_ips[..], after.spend_cap_per_day, after.label.as_str()),
        (&[][..], None, "changed")
    );
    assert_eq!(after.allowed_origins, key.allowed_origins);
    let secrets = Arc::clone(&world.kernel.secrets);
    let rotated = world.write(move |tx, ctx| keys::rotate(tx, ctx, &secrets, key_id, 900)).await.unwrap().0;
    assert_eq!((rotated.allowed_origins, rotated.label.as_str()), (after.allowed_origins, "changed"));
}

async fn what_no_key_may_be_bound_to_is_refused(world: Arc<World>) {
    let origin = || "https://a.example.com".parse().unwrap();
    let network = || "10.0.0.0/8".parse().unwrap();
    let publishable = KeyText { service: Service::Identity, kind: KeyKind::Publishable, ..CITIZEN };
    for (new, field) in [
        (NewKey { allowed_origins: vec![origin()], ..new_key(CITIZEN) }, "allowed_origins"),
        (NewKey { allowed_origins: vec![origin(); 51], ..new_key(publishable) }, "allowed_origins"),
        (NewKey { allowed_ips: vec![network(); 51], ..new_key(CITIZEN) }, "allowed_ips"),
    ] {
        let fault = world.create_key(new).await.unwrap_err();
        assert_eq!((fault.code, &*fault.fields[0].field), (Code::Invalid, field));
    }
    let (key, _) = world.key().await;
    let (key_id, past) = (key.key_id, KeyChange { expires_at: Some(Some(START)), ..KeyChange::default() });
    let fault = world.write(move |tx, ctx| keys::change(tx, ctx, key_id, &past)).await.unwrap_err();
    assert_eq!((fault.code, &*fault.fields[0].field), (Code::Invalid, "expires_at"));
}
