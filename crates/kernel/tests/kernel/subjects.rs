//! Personal data opens with its subject's key, and with nothing else.

use std::sync::Arc;

use base::Code;
use kernel::secrets::SecretsFile;
use kernel::{Random, Secrets, subjects, tenancy};

use crate::fixture::{START, World};

on_both_engines! {
    what_is_sealed_for_a_subject_opens_for_it_alone
    an_erased_subject_stays_erased_and_may_be_met_again
    a_node_with_other_root_secrets_is_told_at_its_start
}

const CONTEXT: &str = "test.record";

async fn seal(world: &World, number: &'static str) -> Vec<u8> {
    let secrets = Arc::clone(&world.kernel.secrets);
    let sealed = world.write(move |tx, ctx| {
        subjects::seal(tx, ctx, &secrets, &secrets.subject_mac("number", number), CONTEXT, b"Asha Ali")
    });
    sealed.await.unwrap()
}

async fn open(world: &World, number: &'static str, sealed: Vec<u8>) -> Option<Vec<u8>> {
    let (secrets, tenant_id) = (Arc::clone(&world.kernel.secrets), world.tenant_id);
    world
        .read(move |tx| {
            let subject = secrets.subject_mac("number", number);
            subjects::open(tx, tenant_id, &secrets, &subject, CONTEXT, &sealed)
        })
        .await
}

async fn what_is_sealed_for_a_subject_opens_for_it_alone(world: Arc<World>) {
    let (first, second) = (seal(&world, "1").await, seal(&world, "1").await);
    assert_ne!(first, second, "each time under a nonce of its own");
    assert!(!first.windows(4).any(|bytes| bytes == b"Asha"));
    seal(&world, "2").await;
    assert_eq!(open(&world, "1", first.clone()).await.unwrap(), b"Asha Ali");
    assert_eq!(open(&world, "1", second).await.unwrap(), b"Asha Ali");
    assert_eq!(open(&world, "2", first.clone()).await, None);
    let (secrets, other) = (Arc::clone(&world.kernel.secrets), world.another_tenant().await);
    let subject = secrets.subject_mac("number", "1");
    let foreign = world.read(move |tx| subjects::open(tx, other, &secrets, &subject, CONTEXT, &first)).await;
    assert_eq!(foreign, None);
}

async fn an_erased_subject_stays_erased_and_may_be_met_again(world: Arc<World>) {
    let (mine, others) = (seal(&world, "1").await, seal(&world, "2").await);
    let erase = |number: &'static str| {
        let secrets = Arc::clone(&world.kernel.secrets);
        world.write(move |tx, ctx| subjects::erase(tx, ctx, &secrets.subject_mac("number", number)))
    };
    assert_eq!(erase("1").await.unwrap(), Some(START));
    assert_eq!((erase("1").await.unwrap(), erase("3").await.unwrap()), (None, None));
    assert_eq!(open(&world, "1", mine.clone()).await, None);
    assert_eq!(open(&world, "2", others).await.unwrap(), b"Asha Ali");
    let again = seal(&world, "1").await;
    assert_eq!(open(&world, "1", again).await.unwrap(), b"Asha Ali");
    assert_eq!(open(&world, "1", mine).await, None, "the old key is gone for good");
}

async fn a_node_with_other_root_secrets_is_told_at_its_start(world: Arc<World>) {
    let check = |secrets: Arc<Secrets>| {
        world.kernel.db.write(tenancy::INSTALLATION, move |tx| tenancy::ensure_same_secrets(tx, &secrets))
    };
    check(Arc::clone(&world.kernel.secrets)).await.unwrap();
    check(Arc::clone(&world.kernel.secrets)).await.unwrap();
    let foreign = Secrets::from_file(&SecretsFile::generate(&Random::system())).unwrap();
    let fault = check(Arc::new(foreign)).await.unwrap_err();
    assert_eq!(fault.code, Code::Conflict);
    assert!(fault.detail.contains("secrets.toml"), "{fault:?}");
    check(Arc::clone(&world.kernel.secrets)).await.unwrap();
}
