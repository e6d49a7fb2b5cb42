//! Methods, paths and headers that the API does not have.

use std::sync::Arc;

use serde_json::json;

use super::{Untouched, routes};
use crate::fixture::{Ask, World, verify};

on_both_engines! {
    an_unknown_method_is_a_405_with_the_methods_there_are_before_any_key_is_looked_at
    a_path_that_differs_at_all_is_a_404_in_its_owners_shape_and_charges_nothing
    a_path_that_cannot_be_decoded_is_refused_in_its_owners_shape
    odd_headers_do_not_disturb
}

const NOTHING_HERE: &str = "There is nothing at this path. GET /openapi lists what there is.";

async fn an_unknown_method_is_a_405_with_the_methods_there_are_before_any_key_is_looked_at(
    world: Arc<World>,
) {
    let client = world.client(100).await;
    let routes = routes(&world, &client).await;
    let untouched = Untouched::of(&world, &client).await;
    let known = |path: &str| match path {
        "/v1/verify" => "POST",
        "/v1/accounts" | "/v1/tokens" => "POST,GET,HEAD",
        path if path.ends_with("/credits") || path.ends_with("/rotate") => "POST",
        _ => "GET,HEAD,PATCH",
    };
    for ask in routes {
        let allow = known(&ask.path);
        for method in ["PUT", "BREW", "TRACE", "OPTIONS", "GE", "post"] {
            for mut ask in [ask.clone(), Ask::new(method, &ask.path)] {
                ask.method = method.parse().unwrap();
                let reply = world.send(ask.body("not JSON")).await;
                let message = "This path does not know that method: see the header Allow.";
                reply.refused(405, "Method Not Allowed", message);
                assert_eq!(reply.header("allow"), Some(allow));
            }
        }
    }
    untouched.assert("a wrong method").await;
}

async fn a_path_that_differs_at_all_is_a_404_in_its_owners_shape_and_charges_nothing(world: Arc<World>) {
    let client = world.client(100).await;
    let routes = routes(&world, &client).await;
    let untouched = Untouched::of(&world, &client).await;
    for ask in &routes {
        for change in [
            |path: &str| format!("{path}/"),
            |path: &str| format!("{path}/x/y"),
            |path: &str| format!("{path}//"),
        ] {
            let mut ask = ask.clone();
            ask.path = change(&ask.path);
            let is_quotas = !ask.path.starts_with("/v1/verify");
            let reply = world.send(ask.body("{\"count\":1}")).await;
            if is_quotas {
                reply.refused(404, "Not Found", NOTHING_HERE);
            } else {
                assert_eq!((reply.status, &reply.json()["code"]), (404, &json!("not_found")), "{reply:?}");
                assert_eq!(reply.header("content-type"), Some("application/problem+json"));
            }
            assert_eq!(reply.header("location"), None, "nothing is ever redirected");
        }
    }
    for path in [
        "/V1/verify",
        "/v1/VERIFY",
        "//v1/verify",
        "/v1//verify",
        "/v1/./verify",
        "/v1/%76erify",
        "/v1",
        "/v1/",
        "/",
    ] {
        let reply = world.send(Ask { path: path.to_owned(), ..verify(&client.token) }).await;
        assert_eq!((reply.status, &reply.json()["code"]), (404, &json!("not_found")), "{path}: {reply:?}");
    }
    let other = world.send(Ask { path: "/api/v1/verify".to_owned(), ..verify(&client.token) }).await;
    assert_eq!(
        other.expect(401)["error"]["code"],
        "unauthorized",
        "the path decides the owner, and no key does"
    );
    let long = format!("/v1/accounts/{}", "a".repeat(60_000));
    let key = world.management_key().await;
    let reply = world.send(Ask::get(&long).bearer(&key)).await;
    reply.refused(404, "Not Found", "There is no such account.");
    let reply = world.send(Ask::post(&format!("{long}/credits/x")).bearer(&key)).await;
    reply.refused(404, "Not Found", NOTHING_HERE);
    let untouched_keys = world.state(&world.mine).await.keys;
    assert_eq!(untouched_keys, untouched.state.keys + 1, "the management key of this test");
}

async fn a_path_that_cannot_be_decoded_is_refused_in_its_owners_shape(world: Arc<World>) {
    let client = world.client(100).await;
    let key = world.management_key().await;
    let untouched = Untouched::of(&world, &client).await;
    for (method, path) in [
        ("GET", "/v1/accounts/%FF"),
        ("PATCH", "/v1/accounts/%C0%80"),
        ("POST", "/v1/accounts/%FF/credits"),
        ("POST", "/v1/tokens/%ED%A0%80/rotate"),
        ("DELETE", "/v1/tokens/%FF"),
    ] {
        let reply = world.send(Ask::new(method, path).bearer(&key)).await;
        let message =
            "The path, query or a header cannot be read. Please check it against the documentation.";
        reply.refused(400, "Invalid Request", message);
    }
    for path in [
        "/v1/accounts/%zz",
        "/v1/accounts/%",
        "/v1/accounts/%2",
        "/v1/accounts/..%2f..%2fetc",
        "/v1/accounts/%00",
    ] {
        let reply = world.send(Ask::get(path).bearer(&key)).await;
        reply.refused(404, "Not Found", "There is no such account.");
    }
    untouched.assert("a broken path").await;
}

async fn odd_headers_do_not_disturb(world: Arc<World>) {
    let client = world.client(100).await;
    let odd = [
        ("x-request-id", "x".repeat(10_000)),
        ("x-request-id", "\u{e9}".to_owned()),
        ("traceparent", "00-nonsense".to_owned()),
        ("accept", "text/html".to_owned()),
        ("accept", "".to_owned()),
        ("cookie", "a=b".repeat(1000)),
        ("x-forwarded-for", "not an address".to_owned()),
        ("host", "evil.example".to_owned()),
        ("expect", "nonsense".to_owned()),
        ("x-http-method-override", "DELETE".to_owned()),
    ];
    for ((name, value), left) in odd.into_iter().zip((0..100).rev()) {
        let reply = world.send(verify(&client.token).header(name, value)).await;
        assert_eq!(reply.expect(200)["balance"], left, "{name}");
        assert!(!reply.headers.iter().any(|(_, value)| value.as_bytes().ends_with(b"evil.example")));
    }
}
