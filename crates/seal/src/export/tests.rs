use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};

use super::*;
use crate::checkpoint::Checkpoint;
use crate::merkle::leaf_hash;
use crate::note::{VerifierKey, sign};
use crate::row::SALT_LENGTH;
use crate::tree::{Missing, Tree, grow};

fn row(number: u64) -> Row {
    Row {
        tenant_id: "tn_1".into(),
        environment: "live".into(),
        number,
        audit_id: format!("aud_{number}"),
        at_us: 1,
        actor_type: "operator".into(),
        action: "a".into(),
        outcome: "done".into(),
        request_id: "req_1".into(),
        personal: Personal::Kept {
            salt: [9; SALT_LENGTH],
            values: [Some(b"Asha".to_vec()), Some(Vec::new()), None, Some(vec![1; 32]), Some("é\n".into())],
        },
    }
}

/// An export of a log with so many rows, and the key that it is signed with.
fn export(rows: u64, whose: Option<&str>) -> (Vec<String>, VerifierKey) {
    let pair = Ed25519KeyPair::from_seed_unchecked(&[1; 32]).unwrap();
    let key = VerifierKey::new("attestry/1", pair.public_key().as_ref().try_into().unwrap()).unwrap();
    let mut leaves = vec![leaf_hash(b"the beginning")];
    leaves.extend((1..=rows).map(|number| leaf_hash(&row(number).entry())));
    let tiles = grow::<Missing>(0, &leaves, |_, _| Ok(Vec::new())).unwrap();
    let mut tree = Tree::new(rows + 1, |level, number| Ok::<_, Missing>(tiles[&(level, number)].clone()));
    let checkpoint = Checkpoint { origin: "attestry/1".into(), size: rows + 1, root: tree.root().unwrap() };
    let checkpoint =
        sign(&checkpoint.text(), &[(&key, |text: &[u8]| pair.sign(text).as_ref().try_into().unwrap())]);
    let header = Header {
        version: VERSION,
        tenant_id: whose.map(str::to_owned),
        environment: whose.map(|_| "live".to_owned()),
        after: 0,
        logs: vec![Log { origin: "attestry/1".into(), checkpoint }],
    };
    let mut lines = vec![Line::Export(header).text()];
    for number in 1..=rows {
        let proof = tree.inclusion(number).unwrap();
        lines.push(Line::Row(Box::new(Proven::new("attestry/1", number, &row(number), &proof))).text());
    }
    lines.push(Line::End(End { rows }).text());
    (lines, key)
}

/// The first bad line, counted from 1, and why; 0 when the end is missing.
fn check(lines: &[String], key: &VerifierKey) -> Result<Summary, (usize, String)> {
    let mut checker = Checker::new(vec![key.clone()]);
    for (at, line) in lines.iter().enumerate() {
        checker.line(line).map_err(|why| (at + 1, why))?;
    }
    checker.finish().map_err(|why| (0, why))
}

#[test]
fn an_export_proves_its_rows() {
    for whose in [None, Some("tn_1")] {
        let (lines, key) = export(5, whose);
        let summary = check(&lines, &key).unwrap();
        assert_eq!((summary.rows, summary.logs[0].size), (5, 6));
        assert_eq!(summary.whose.map(|(tenant, _)| tenant).as_deref(), whose);
    }
}

#[test]
fn every_changed_bit_is_noticed_in_its_line() {
    let (lines, key) = export(3, Some("tn_1"));
    for at in 0..lines.len() {
        for bit in 0..lines[at].len() * 8 {
            let mut bytes = lines[at].clone().into_bytes();
            bytes[bit / 8] ^= 1 << (bit % 8);
            let Ok(changed) = String::from_utf8(bytes) else { continue };
            let mut all = lines.clone();
            all[at] = changed;
            let (line, why) = check(&all, &key).expect_err(&all[at]);
            // What the first line says about whose rows these are shows at the first row.
            assert!(line == at + 1 || (at == 0 && line == 2), "bit {bit} of line {}: {line} {why}", at + 1);
        }
    }
}

#[test]
fn a_row_that_was_removed_moved_or_cut_off_is_noticed() {
    for whose in [None, Some("tn_1")] {
        let (lines, key) = export(5, whose);
        let without = |at: usize| [&lines[..at], &lines[at + 1..]].concat();
        assert_eq!(check(&without(3), &key).unwrap_err().0, 4);
        assert_eq!(check(&without(5), &key).unwrap_err().0, 6, "the last line counts the rows");
        assert_eq!(check(&without(6), &key).unwrap_err().0, 0, "the last line");
        assert_eq!(check(&without(0), &key).unwrap_err().0, 1);
        let mut moved = lines.clone();
        moved.swap(2, 3);
        assert_eq!(check(&moved, &key).unwrap_err().0, 3);
        let mut twice = lines.clone();
        twice.insert(3, lines[2].clone());
        assert_eq!(check(&twice, &key).unwrap_err().0, 4);
        assert_eq!(check(&[&lines[..], &lines[6..]].concat(), &key).unwrap_err().0, 8);
    }
    // Whoever removes the last row of all and counts anew is caught by the size that was signed.
    let (mut lines, key) = export(5, None);
    lines.remove(5);
    lines[5] = Line::End(End { rows: 4 }).text();
    assert!(check(&lines, &key).unwrap_err().1.contains("5 rows were sealed"));
}

#[test]
fn another_key_proves_nothing() {
    let (lines, _) = export(1, None);
    let other = VerifierKey::new("attestry/1", [7; 32]).unwrap();
    assert_eq!(check(&lines, &other).unwrap_err().0, 1);
}

#[test]
fn an_erased_row_is_still_proven() {
    let (mut lines, key) = export(3, Some("tn_1"));
    let Line::Row(proven) = serde_json::from_str(&lines[2]).unwrap() else { panic!("a row") };
    let hashes = proven.hashes().unwrap();
    let erased = Row { personal: Personal::Erased(row(2).personal.hashes()), ..row(2) };
    lines[2] = Line::Row(Box::new(Proven::new("attestry/1", 2, &erased, &hashes))).text();
    assert!(!lines[2].contains("Asha"));
    assert_eq!(check(&lines, &key).unwrap().rows, 3);
}
