//! What anyone gets without a key, checked with an implementation that is not ours.

use std::sync::Arc;

use ct_merkle::mem_backed_tree::MemoryBackedTree;
use seal::beginning::Beginning;
use sha2::Sha256;

use super::{audited, checkpoint, make_rows, seal_all};
use crate::fixture::{Ask, World};

alone_on_both_engines! {
    the_public_tiles_make_the_root_of_the_signed_checkpoint
    a_tile_that_is_not_there_and_a_path_that_is_none_are_not_found
    a_full_tile_is_kept_for_good_and_a_checkpoint_is_asked_for_again
    the_public_side_tells_nobody_who_did_what
    the_first_entry_is_the_beginning_that_is_published
}

async fn entries(world: &World, path: &str) -> Vec<Vec<u8>> {
    let reply = world.send(Ask::get(path)).await;
    assert_eq!(reply.status, 200, "{path}: {reply:?}");
    assert_eq!(reply.header("content-type"), Some("application/octet-stream"));
    let mut rest = &reply.body[..];
    let mut entries = Vec::new();
    while let Some((length, after)) = rest.split_first_chunk::<2>() {
        let (entry, after) = after.split_at(u16::from_be_bytes(*length).into());
        entries.push(entry.to_vec());
        rest = after;
    }
    entries
}

async fn the_public_tiles_make_the_root_of_the_signed_checkpoint(world: Arc<World>) {
    make_rows(&world, 260).await;
    let before = checkpoint(&world).await;
    seal_all(&world).await;
    let after = checkpoint(&world).await;
    let of_mine = audited(&world).await.len() as u64;
    assert!(before.size == 1 && after.size > of_mine && of_mine >= 260, "{after:?}");
    let last = format!("/audit/tile/entries/001.p/{}", after.size - 256);
    let entries = [entries(&world, "/audit/tile/entries/000").await, entries(&world, &last).await].concat();
    let mut tree = MemoryBackedTree::<Sha256, Vec<u8>>::new();
    entries.into_iter().for_each(|entry| tree.push(entry));
    assert_eq!(tree.len(), after.size);
    assert_eq!(tree.root().as_bytes()[..], after.root);
    // A witness that has seen the log before can tell that it only grew.
    let grown = usize::try_from(after.size - before.size).unwrap();
    let old = ct_merkle::RootHash::<Sha256>::new(before.root.into(), before.size);
    assert!(tree.root().verify_consistency(&old, &tree.prove_consistency(grown)).is_ok());
}

async fn a_tile_that_is_not_there_and_a_path_that_is_none_are_not_found(world: Arc<World>) {
    for path in [
        "0/000",
        "0/000.p/2",
        "0/001.p/1",
        "1/000.p/1",
        "7/000",
        "8/000",
        "0/0",
        "0/00",
        "0/0000",
        "00/000",
        "0/000.p/0",
        "0/000.p/01",
        "0/000.p/256",
        "0/x000/000",
        "entries/000.p/2",
        "data/000",
        "-1/000",
        "0/000/",
        "0/../0/000",
        "0/x999/x999/x999/x999/x999/999",
        "0/%30%30%30.p/1x",
    ] {
        let reply = world.send(Ask::get(&format!("/audit/tile/{path}"))).await;
        assert_eq!(reply.status, 404, "{path}: {reply:?}");
        assert_eq!(reply.header("content-type"), Some("application/problem+json"), "{path}");
    }
    let reply = world.send(Ask::post("/audit/checkpoint")).await;
    assert_eq!((reply.status, reply.header("allow")), (405, Some("GET,HEAD")));
}

async fn a_full_tile_is_kept_for_good_and_a_checkpoint_is_asked_for_again(world: Arc<World>) {
    make_rows(&world, 256).await;
    seal_all(&world).await;
    for (path, length, cache) in [
        ("/audit/tile/0/000", 8192, "public, max-age=31536000, immutable"),
        ("/audit/tile/0/000.p/255", 255 * 32, "public, max-age=60"),
        ("/audit/tile/1/000.p/1", 32, "public, max-age=60"),
        ("/audit/tile/entries/000", 256 * 34, "public, max-age=31536000, immutable"),
    ] {
        let reply = world.send(Ask::get(path)).await;
        assert_eq!((reply.status, reply.body.len()), (200, length), "{path}");
        assert_eq!(reply.header("cache-control"), Some(cache), "{path}");
    }
    let reply = world.send(Ask::get("/audit/checkpoint")).await;
    assert_eq!(reply.header("cache-control"), Some("no-cache"));
    assert_eq!(reply.header("content-type"), Some("text/plain; charset=utf-8"));
}

async fn the_public_side_tells_nobody_who_did_what(world: Arc<World>) {
    make_rows(&world, 3).await;
    seal_all(&world).await;
    let size = checkpoint(&world).await.size;
    for entry in entries(&world, &format!("/audit/tile/entries/000.p/{size}")).await {
        assert_eq!(entry.len(), 32, "a hash and nothing else");
    }
    let known = world.send(Ask::get("/.well-known/attestry")).await;
    for secret in [&world.mine, "key.create", "an audited key"] {
        assert!(!String::from_utf8_lossy(&known.body).contains(secret));
    }
}

async fn the_first_entry_is_the_beginning_that_is_published(world: Arc<World>) {
    let known = world.send(Ask::get("/.well-known/attestry")).await.expect(200);
    let log = &known["audit"]["logs"][0];
    let beginning = Beginning {
        origin: log["origin"].as_str().unwrap().to_owned(),
        began_at_us: world.clock.now().micros(),
        reason: "the first start".into(),
        previous: None,
    };
    assert_eq!(log["beginning"], beginning.text());
    assert_eq!(log["keys"], known["audit"]["keys"]);
    assert_eq!(entries(&world, "/audit/tile/entries/000.p/1").await, [beginning.entry().to_vec()]);
}
