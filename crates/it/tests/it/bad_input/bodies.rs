//! Bodies that cannot be read at all, at every route that reads one.

use std::sync::Arc;

use bytes::Bytes;

use super::{Untouched, routes};
use crate::fixture::{World, verify};

on_both_engines! {
    a_body_that_cannot_be_read_is_refused_at_every_route_without_effect
    a_body_beyond_64_kib_is_refused_and_one_of_64_kib_is_read
    a_content_type_that_is_not_json_is_refused_and_every_json_one_is_read
}

/// A body, and why it cannot be read.
pub(crate) fn unreadable() -> Vec<(Vec<u8>, &'static str)> {
    let object = "the body must be a JSON object (line 1, column 1).";
    let nested = |open: &str| format!("{{\"count\":{}", open.repeat(1000)).into_bytes();
    vec![
        (b"not JSON".to_vec(), object),
        (b"count=1".to_vec(), object),
        (b"[]".to_vec(), object),
        (b"[{\"count\":1}]".to_vec(), object),
        (b"null".to_vec(), object),
        (b"1".to_vec(), object),
        (b"\"{}\"".to_vec(), object),
        (b"true".to_vec(), object),
        (b"\xef\xbb\xbf{}".to_vec(), object),
        (b"\0".to_vec(), object),
        (b" ".to_vec(), "the body must be a JSON object (line 1, column 2)."),
        (b"{".to_vec(), "a key in double quotes should stand here (line 1, column 2)."),
        (b"{count:1}".to_vec(), "a key in double quotes should stand here (line 1, column 2)."),
        (b"{'count':1}".to_vec(), "a key in double quotes should stand here (line 1, column 2)."),
        (b"{\"count\":1,}".to_vec(), "a key in double quotes should stand here (line 1, column 12)."),
        (b"{\"count\" 1}".to_vec(), "a colon should stand between key and value (line 1, column 10)."),
        (b"{\"count\":}".to_vec(), "a JSON value should stand here (line 1, column 10)."),
        (b"{\"count\":NaN}".to_vec(), "a JSON value should stand here (line 1, column 10)."),
        (b"{\"count\":Infinity}".to_vec(), "a JSON value should stand here (line 1, column 10)."),
        (b"{\"count\":+1}".to_vec(), "a JSON value should stand here (line 1, column 10)."),
        (b"{\"count\":.5}".to_vec(), "a JSON value should stand here (line 1, column 10)."),
        (b"{\"count\":1.}".to_vec(), "a digit should stand here (line 1, column 12)."),
        (b"{\"count\":-}".to_vec(), "a digit should stand here (line 1, column 11)."),
        (b"{\"count\":1e}".to_vec(), "a digit should stand here (line 1, column 12)."),
        (
            b"{\"count\":01}".to_vec(),
            "a comma or the end of the object should stand here (line 1, column 11).",
        ),
        (
            b"{\"count\":0x1}".to_vec(),
            "a comma or the end of the object should stand here (line 1, column 11).",
        ),
        (b"{\"count\":1".to_vec(), "a comma or the end of the object should stand here (line 1, column 11)."),
        (b"{\"count\":1}{}".to_vec(), "nothing may follow the JSON object (line 1, column 12)."),
        (b"{\"count\":1}\n\n//".to_vec(), "nothing may follow the JSON object (line 3, column 1)."),
        (
            b"{\"count\":1,\"count\":1}".to_vec(),
            "the key \"count\" stands twice in the object that ends here (line 1, column 22).",
        ),
        (
            b"{\"count\":1,\"c\\u006funt\":2}".to_vec(),
            "the key \"count\" stands twice in the object that ends here (line 1, column 27).",
        ),
        (
            b"{\"x\":{\"a\":1,\"a\":1}}".to_vec(),
            "the key \"a\" stands twice in the object that ends here (line 1, column 19).",
        ),
        (b"{\"x\":\"\\u0000\"}".to_vec(), "a string must not contain U+0000 (line 1, column 7)."),
        (b"{\"\\u0000\":1}".to_vec(), "a string must not contain U+0000 (line 1, column 3)."),
        (b"{\"x\":\"\0\"}".to_vec(), "a control character in a string must be escaped (line 1, column 7)."),
        (b"{\"x\":\"\n\"}".to_vec(), "a control character in a string must be escaped (line 1, column 7)."),
        (b"{\"x\":\"\\ud800\"}".to_vec(), "half of a surrogate pair is not a character (line 1, column 7)."),
        (b"{\"x\":\"\\x41\"}".to_vec(), "there is no such escape in JSON (line 1, column 7)."),
        (b"{\"x\":\"abc".to_vec(), "the body ends inside a string (line 1, column 10)."),
        (b"{\"x\":\"\xff\"}".to_vec(), "these bytes are not UTF-8 (line 1, column 7)."),
        (b"{\"x\":\"\xc0\x80\"}".to_vec(), "these bytes are not UTF-8 (line 1, column 7)."),
        (b"{\"x\":\"\xed\xa0\x80\"}".to_vec(), "these bytes are not UTF-8 (line 1, column 7)."),
        (b"\xff\xfe{\0}\0".to_vec(), "these bytes are not UTF-8 (line 1, column 1)."),
        (nested("["), "arrays and objects are nested deeper than 32 (line 1, column 41)."),
        (nested("{\"a\":"), "arrays and objects are nested deeper than 32 (line 1, column 165)."),
    ]
}

async fn a_body_that_cannot_be_read_is_refused_at_every_route_without_effect(world: Arc<World>) {
    let client = world.client(100).await;
    let routes = routes(&world, &client).await;
    let untouched = Untouched::of(&world, &client).await;
    for (body, why) in unreadable() {
        let message = format!("The body cannot be read: {why}");
        for ask in &routes {
            let reply = world.send(ask.clone().body(body.clone())).await;
            reply.refused(400, "Invalid Request", &message);
        }
        untouched.assert(why).await;
    }
}

async fn a_body_beyond_64_kib_is_refused_and_one_of_64_kib_is_read(world: Arc<World>) {
    const LIMIT: usize = 64 * 1024;
    let client = world.client(100).await;
    let routes = routes(&world, &client).await;
    let untouched = Untouched::of(&world, &client).await;
    for bytes in [LIMIT + 1, 10 * 1024 * 1024] {
        // One buffer for all: what is refused must not be copied either.
        let body = Bytes::from(vec![b' '; bytes]);
        for ask in &routes {
            let reply = world.send(ask.clone().body(body.clone())).await;
            reply.refused(413, "Request Too Large", "The body is larger than the 65536 bytes allowed here.");
        }
    }
    untouched.assert("too large").await;
    let mut whole = b"{\"count\":2}".to_vec();
    whole.resize(LIMIT, b' ');
    assert_eq!(world.send(verify(&client.token).body(whole)).await.expect(200)["balance"], 98);
}

async fn a_content_type_that_is_not_json_is_refused_and_every_json_one_is_read(world: Arc<World>) {
    const NOT_JSON: &str = "The body must be JSON: send the header Content-Type: application/json \
        (with curl: -H 'Content-Type: application/json').";
    const COMPRESSED: &str = "A compressed body is not accepted: send it without Content-Encoding.";
    let client = world.client(100).await;
    let routes = routes(&world, &client).await;
    let untouched = Untouched::of(&world, &client).await;
    let wrong = [
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/xml",
        "application/jsonp",
        "text/json",
        "",
        ";",
        "\u{e9}",
    ];
    for ask in &routes {
        for content_type in wrong {
            let reply =
                world.send(ask.clone().header("content-type", content_type).body("{\"count\":1}")).await;
            reply.refused(415, "Unsupported Media Type", NOT_JSON);
        }
        for coding in ["gzip", "br", "x", "gzip, identity"] {
            let reply =
                world.send(ask.clone().header("content-encoding", coding).body("{\"count\":1}")).await;
            reply.refused(415, "Unsupported Media Type", COMPRESSED);
        }
    }
    untouched.assert("a wrong content type").await;
    let right = [
        "application/json",
        "APPLICATION/JSON",
        "application/json; charset=utf-8",
        "application/json;charset=utf-8",
        "application/vnd.example+json",
    ];
    for (content_type, left) in right.into_iter().zip((95..100).rev()) {
        let ask = verify(&client.token).header("content-type", content_type).body("{\"count\":1}");
        assert_eq!(world.send(ask).await.expect(200)["balance"], left, "{content_type}");
    }
    let empty = verify(&client.token).header("content-type", "text/plain");
    assert_eq!(world.send(empty).await.expect(200)["balance"], 94, "no body has no type");
}
