use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};

use super::*;

const TEXT: &str = "log.example\n2\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n";

fn pair(seed: u8) -> (Ed25519KeyPair, VerifierKey) {
    let pair = Ed25519KeyPair::from_seed_unchecked(&[seed; 32]).unwrap();
    let public_key = pair.public_key().as_ref().try_into().unwrap();
    (pair, VerifierKey::new("log.example", public_key).unwrap())
}

fn signed(key: &VerifierKey, pair: &Ed25519KeyPair) -> String {
    sign(TEXT, &[(key, |message: &[u8]| pair.sign(message).as_ref().try_into().unwrap())])
}

#[test]
fn reads_the_key_and_note_of_the_reference_implementation() {
    // From the documentation of golang.org/x/mod/sumdb/note.
    let key =
        VerifierKey::parse("PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW").unwrap();
    let text = "If you think cryptography is the answer to your problem,\n\
                then you don't know what your problem is.\n";
    let note = format!(
        "{text}\n— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
    );
    assert_eq!(open(&note, &key), Ok(text));
}

#[test]
fn a_note_opens_with_the_key_that_signed_it_and_no_other() {
    let (own, key) = pair(1);
    let (_, other) = pair(2);
    let note = signed(&key, &own);
    assert_eq!(open(&note, &key), Ok(TEXT));
    assert_eq!(open(&note, &other), Err(NoteError::NotSigned));
    let renamed = VerifierKey::new("other.example", *key.public_key()).unwrap();
    assert_eq!(open(&note, &renamed), Err(NoteError::NotSigned));
}

#[test]
fn a_key_is_read_from_its_text_and_from_nothing_else() {
    let (_, key) = pair(1);
    let text = key.to_string();
    assert_eq!(VerifierKey::parse(&text), Some(key));
    for wrong in [
        text.replacen("log", "lag", 1),
        text.replacen('+', "", 1),
        format!("{text}="),
        format!("{text}\n"),
        text.to_uppercase(),
        String::new(),
        "++".to_owned(),
    ] {
        assert_eq!(VerifierKey::parse(&wrong), None, "{wrong}");
    }
    for name in ["", "a b", "a+b", "a\n"] {
        assert_eq!(VerifierKey::new(name, [0; 32]), None, "{name:?}");
    }
}

#[test]
fn every_changed_bit_of_a_note_is_noticed() {
    let (own, key) = pair(1);
    let note = signed(&key, &own).into_bytes();
    for at in 0..note.len() * 8 {
        let mut changed = note.clone();
        changed[at / 8] ^= 1 << (at % 8);
        let Ok(changed) = String::from_utf8(changed) else { continue };
        assert!(open(&changed, &key).is_err(), "bit {at}: {changed:?}");
    }
    for length in 0..note.len() {
        let Ok(cut) = std::str::from_utf8(&note[..length]) else { continue };
        assert!(open(cut, &key).is_err(), "cut at {length}");
    }
}

#[test]
fn lines_of_other_keys_are_let_be_and_too_many_are_refused() {
    let (own, key) = pair(1);
    let note = signed(&key, &own);
    let stranger = "— witness.example AAAAAAECAwQ=\n";
    assert_eq!(open(&format!("{note}{stranger}"), &key), Ok(TEXT));
    assert_eq!(open(&format!("{note}{}", stranger.repeat(SIGNATURES_MAX)), &key), Err(NoteError::Malformed));
    assert_eq!(open(&format!("{note}nonsense\n"), &key), Err(NoteError::Malformed));
    assert_eq!(open(&"a".repeat(NOTE_BYTES_MAX + 1), &key), Err(NoteError::Malformed));
}
