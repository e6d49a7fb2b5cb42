//! A stolen database lists nobody: what names a person, opens a door or was answered is nowhere in clear.

use std::sync::Arc;

use kernel::secrets::hex;
use serde_json::json;

use super::{ask, grant, key};
use crate::fixture::World;

alone_on_both_engines! {
    a_stolen_database_yields_no_number_name_birth_date_key_or_saved_reply
}

async fn a_stolen_database_yields_no_number_name_birth_date_key_or_saved_reply(world: Arc<World>) {
    world.import("live", "1,40000000001,Xaliimo Warsame Jaamac,1985-03-12,active\n").await;
    let (test, live) = (key(&world, "test").await, key(&world, "live").await);
    grant(&world, 10).await;
    let claims = json!({ "fullName": "Haleemo Warsaame Jamac", "dateOfBirth": "1985-03-13" });
    for (key, number, name) in
        [(&test, "12345678901", "an-idempotency-key"), (&live, "40000000001", "another-key")]
    {
        let plain = json!({ "nationalId": number, "purpose": "loan-7731", "reference": "ref-5520" });
        let claimed = json!({ "nationalId": number, "claims": claims });
        for question in [&plain, &claimed] {
            for _ in 0..2 {
                let name = format!("{name}-{}", question.get("claims").is_some());
                world.send(ask(key, question).header("idempotency-key", name)).await.expect(200);
                world.send(ask(key, question)).await.expect(200);
            }
        }
    }
    let stolen = world.stolen();
    for kept in ["loan-7731", "ref-5520", "*******8901", "*******0001", "verification_completed"] {
        assert!(holds(&stolen, kept), "{kept} is kept in clear: the search works");
    }
    let words = [
        "12345678901",
        "40000000001",
        "Example Citizen",
        "1990-01-01",
        "Xaliimo",
        "Warsame",
        "Jaamac",
        "1985-03-12",
        "1985-03-13",
        "Haleemo",
        "Warsaame",
        "xaliimo",
        "haleemo",
        "warsame",
        "jaamac",
        "halimo",
        "an-idempotency-key",
        "another-key",
        "Verification completed",
        "dateOfBirth",
        "fullName",
        &test,
        &live,
    ];
    for word in words {
        assert!(!holds(&stolen, word), "{word} is in the stolen database");
        assert!(!holds(&stolen, &hex(word.as_bytes())), "{word} is in the stolen database, in hexadecimal");
    }
}

fn holds(stolen: &[u8], word: &str) -> bool {
    stolen.windows(word.len()).any(|window| window == word.as_bytes())
}
