//! Exports: what they prove, and what they give away when a row was touched.

use std::sync::Arc;

use base::id::TenantId;
use ct_merkle::{InclusionProof, RootHash};
use db::args;
use seal::export::{Checker, Line, Proven, Summary};
use seal::note::VerifierKey;
use serde_json::{Value, json};
use sha2::Sha256;

use super::{checkpoint, make_rows, public_key, seal_all};
use crate::fixture::{Ask, World};

alone_on_both_engines! {
    an_export_proves_the_rows_of_a_tenant_with_the_public_key_alone
    another_implementation_accepts_the_proofs
    an_export_goes_on_where_the_one_before_ended
    rows_that_are_not_sealed_yet_are_not_in_it
    an_export_of_more_rows_than_a_page_is_whole
    every_change_of_a_stored_row_is_found_in_its_line
    an_operator_exports_every_row_and_a_missing_one_is_found
    an_erased_row_is_exported_without_what_it_held_and_still_proven
    a_log_that_was_begun_anew_is_named_and_exports_prove_rows_of_both
}

async fn reader(world: &World) -> String {
    world.key(&world.mine, json!({ "service": "platform", "scopes": ["audit:read"] })).await.secret
}

async fn export(world: &World, key: &str, query: &str) -> Vec<String> {
    let reply = world.send(Ask::get(&format!("/platform/v1/audit/export{query}")).bearer(key)).await;
    assert_eq!(reply.status, 200, "{reply:?}");
    assert_eq!(reply.header("content-type"), Some("application/jsonl"));
    String::from_utf8(reply.body.to_vec()).unwrap().lines().map(str::to_owned).collect()
}

/// What the operator gets, page by page.
async fn export_all(world: &World) -> Vec<String> {
    let (mut lines, mut query) = (Vec::new(), String::new());
    loop {
        let page = world.operate("GET", &format!("/operator/v1/audit/export?{query}"), Value::Null).await;
        lines.extend(page["lines"].as_array().unwrap().iter().map(|line| line.as_str().unwrap().to_owned()));
        let Some(next) = page["next"].as_str() else { return lines };
        query = format!("position={next}");
    }
}

fn check(lines: &[String], keys: &[VerifierKey]) -> Result<Summary, (usize, String)> {
    let mut checker = Checker::new(keys.to_vec());
    for (at, line) in lines.iter().enumerate() {
        checker.line(line).map_err(|why| (at + 1, why))?;
    }
    checker.finish().map_err(|why| (0, why))
}

fn proven(lines: &[String]) -> Vec<Proven> {
    let rows = lines.iter().filter_map(|line| match serde_json::from_str(line).unwrap() {
        Line::Row(row) => Some(*row),
        Line::Export(_) | Line::End(_) => None,
    });
    rows.collect()
}

async fn change(world: &World, sql: &'static str) {
    let tenant_id: TenantId = world.mine.parse().unwrap();
    let write = move |tx: &mut db::Tx<'_>| Ok(tx.exec(sql, args![tenant_id])?);
    assert_eq!(world.app.kernel.db.write(tenant_id, write).await.unwrap(), 1, "{sql}");
}

async fn an_export_proves_the_rows_of_a_tenant_with_the_public_key_alone(world: Arc<World>) {
    let key = reader(&world).await;
    make_rows(&world, 5).await;
    world.key(&world.other, json!({ "service": "citizen" })).await;
    seal_all(&world).await;
    let before = (world.state(&world.mine).await, world.state(&world.other).await);
    let lines = export(&world, &key, "").await;
    let summary = check(&lines, &[public_key(&world).await]).unwrap();
    assert_eq!(summary.rows, 6);
    assert_eq!(summary.whose, Some((world.mine.clone(), "test".to_owned())));
    assert_eq!(summary.logs, [checkpoint(&world).await]);
    let other = lines.iter().find(|line| line.contains(&world.other));
    assert_eq!(other, None, "nothing of another tenant");
    assert_eq!((world.state(&world.mine).await, world.state(&world.other).await), before);
}

async fn another_implementation_accepts_the_proofs(world: Arc<World>) {
    let key = reader(&world).await;
    make_rows(&world, 8).await;
    seal_all(&world).await;
    let signed = checkpoint(&world).await;
    let root = RootHash::<Sha256>::new(signed.root.into(), signed.size);
    let rows = proven(&export(&world, &key, "").await);
    assert_eq!(rows.len(), 9);
    for row in rows {
        let proof = InclusionProof::<Sha256>::try_from_bytes(row.hashes().unwrap().concat()).unwrap();
        let entry = row.row().unwrap().entry().to_vec();
        assert!(root.verify_inclusion(&entry, row.index, &proof).is_ok(), "{row:?}");
        assert!(root.verify_inclusion(&entry, row.index - 1, &proof).is_err());
    }
}

async fn an_export_goes_on_where_the_one_before_ended(world: Arc<World>) {
    let key = reader(&world).await;
    make_rows(&world, 5).await;
    seal_all(&world).await;
    let (all, rest) = (export(&world, &key, "").await, export(&world, &key, "?after=4").await);
    assert_eq!(check(&rest, &[public_key(&world).await]).unwrap().rows, 2);
    assert_eq!(proven(&rest), proven(&all)[4..]);
    assert_eq!(proven(&export(&world, &key, "?after=6").await), []);
}

async fn rows_that_are_not_sealed_yet_are_not_in_it(world: Arc<World>) {
    let key = reader(&world).await;
    let keys = [public_key(&world).await];
    assert_eq!(check(&export(&world, &key, "").await, &keys).unwrap().rows, 0);
    seal_all(&world).await;
    make_rows(&world, 1).await;
    assert_eq!(check(&export(&world, &key, "").await, &keys).unwrap().rows, 1);
}

async fn an_export_of_more_rows_than_a_page_is_whole(world: Arc<World>) {
    let key = reader(&world).await;
    let rows = usize::try_from(kernel::audit::export::PAGE_ROWS).unwrap() + 3;
    make_rows(&world, rows).await;
    seal_all(&world).await;
    let keys = [public_key(&world).await];
    assert_eq!(check(&export(&world, &key, "").await, &keys).unwrap().rows, rows as u64 + 1);
    let all = check(&export_all(&world).await, &keys).unwrap();
    assert_eq!(all.rows, checkpoint(&world).await.size - 1);
}

async fn every_change_of_a_stored_row_is_found_in_its_line(world: Arc<World>) {
    let key = reader(&world).await;
    make_rows(&world, 5).await;
    seal_all(&world).await;
    let keys = [public_key(&world).await];
    for (there, back) in [
        (
            "UPDATE audit SET outcome = 'refused' WHERE tenant_id = ?1 AND environment = 'test' AND row_number = 3",
            "UPDATE audit SET outcome = 'done' WHERE tenant_id = ?1 AND environment = 'test' AND row_number = 3",
        ),
        (
            "UPDATE audit SET actor_id = 'operatos' WHERE tenant_id = ?1 AND environment = 'test' AND row_number = 3",
            "UPDATE audit SET actor_id = 'operator' WHERE tenant_id = ?1 AND environment = 'test' AND row_number = 3",
        ),
        (
            "UPDATE audit SET at_us = at_us + 1 WHERE tenant_id = ?1 AND environment = 'test' AND row_number = 3",
            "UPDATE audit SET at_us = at_us - 1 WHERE tenant_id = ?1 AND environment = 'test' AND row_number = 3",
        ),
    ] {
        change(&world, there).await;
        let (line, why) = check(&export(&world, &key, "").await, &keys).unwrap_err();
        assert!(line == 4 && why.contains("row 3"), "{there}: {line} {why}");
        change(&world, back).await;
        check(&export(&world, &key, "").await, &keys).unwrap();
    }
    change(&world, "DELETE FROM audit WHERE tenant_id = ?1 AND environment = 'test' AND row_number = 3")
        .await;
    let (line, why) = check(&export(&world, &key, "").await, &keys).unwrap_err();
    assert!(line == 4 && why.contains("row 3 was expected"), "{line} {why}");
}

async fn an_operator_exports_every_row_and_a_missing_one_is_found(world: Arc<World>) {
    make_rows(&world, 4).await;
    seal_all(&world).await;
    let keys = [public_key(&world).await];
    let all = export_all(&world).await;
    assert_eq!(check(&all, &keys).unwrap().rows, checkpoint(&world).await.size - 1);
    let target = format!("tenantId={}&environment=test", world.mine);
    let page = world.operate("GET", &format!("/operator/v1/audit/export?{target}"), Value::Null).await;
    assert_eq!(page["lines"].as_array().unwrap().len(), 6, "four rows, the first line and the last");
    // The newest row of all: nothing of its tenant follows that could leave a gap.
    change(&world, "DELETE FROM audit WHERE tenant_id = ?1 AND environment = 'test' AND row_number = 4")
        .await;
    let (_, why) = check(&export_all(&world).await, &keys).unwrap_err();
    assert!(why.contains("were sealed") || why.contains("was expected"), "{why}");
    let wrong = Ask::get("/operator/v1/audit/export?position=1.2.x").bearer(&world.operator_token());
    assert_eq!(wrong.send(world.operator()).await.expect(400)["code"], "invalid_request");
}

async fn an_erased_row_is_exported_without_what_it_held_and_still_proven(world: Arc<World>) {
    let key = reader(&world).await;
    make_rows(&world, 3).await;
    seal_all(&world).await;
    let keys = [public_key(&world).await];
    let before = proven(&export(&world, &key, "").await);
    let (tenant_id, audit_id) = (world.mine.parse().unwrap(), before[1].audit_id.parse().unwrap());
    let random = world.app.kernel.random.clone();
    let erase = move |tx: &mut db::Tx<'_>| kernel::audit::erase(tx, tenant_id, audit_id, &random);
    assert!(world.app.kernel.db.write(tenant_id, erase).await.unwrap());
    let lines = export(&world, &key, "").await;
    assert_eq!(check(&lines, &keys).unwrap().rows, 4);
    let erased = &proven(&lines)[1];
    assert_eq!((&erased.actor_id, &erased.target, &erased.salt), (&None, &None, &None));
    assert_eq!(erased.row().unwrap().entry(), before[1].row().unwrap().entry());
    let target = before[1].target.clone().unwrap();
    assert!(!lines[2].contains(&target));
    let listed = world.send(Ask::get("/platform/v1/audit").bearer(&key)).await.expect(200);
    let row = listed["data"].as_array().unwrap().iter().find(|row| row["number"] == 2).unwrap();
    assert_eq!((&row["erased"], &row["actor"], &row["target"]), (&json!(true), &json!(""), &json!("")));
}

async fn a_log_that_was_begun_anew_is_named_and_exports_prove_rows_of_both(world: Arc<World>) {
    let key = reader(&world).await;
    make_rows(&world, 3).await;
    seal_all(&world).await;
    let old = (checkpoint(&world).await, public_key(&world).await);
    let reason = json!({ "reason": "restored from a backup" });
    let begun = world.operate("POST", "/operator/v1/audit/logs", reason).await;
    make_rows(&world, 2).await;
    seal_all(&world).await;
    let new = (checkpoint(&world).await, public_key(&world).await);
    assert_eq!((begun["origin"].as_str().unwrap(), new.1.name()), (&*new.0.origin, &*new.0.origin));
    let known = world.send(Ask::get("/.well-known/attestry")).await.expect(200);
    let beginning = known["audit"]["logs"][0]["beginning"].as_str().unwrap();
    assert!(beginning.contains(&format!("previous_origin {}\nprevious_size {}\n", old.0.origin, old.0.size)));
    for lines in [export(&world, &key, "").await, export_all(&world).await] {
        let summary = check(&lines, &[new.1.clone(), old.1.clone()]).unwrap();
        assert_eq!(summary.logs, [old.0.clone(), new.0.clone()]);
        assert_eq!(check(&lines, std::slice::from_ref(&new.1)).unwrap_err().0, 1, "each log needs its key");
    }
    assert_eq!(check(&export(&world, &key, "").await, &[new.1, old.1]).unwrap().rows, 6);
}
