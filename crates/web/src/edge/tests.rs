use super::*;
use crate::testing::{ask, bytes, edge, json, request, request_ids, site};

fn header<'a>(response: &'a Response, name: &str) -> Option<&'a str> {
    response.headers().get(name).map(|value| value.to_str().unwrap())
}

#[track_caller]
fn check_standard_headers(response: &Response) {
    assert!(header(response, "x-request-id").unwrap().parse::<RequestId>().is_ok());
    assert_eq!(header(response, "x-content-type-options"), Some("nosniff"));
    assert_eq!(header(response, "referrer-policy"), Some("no-referrer"));
    assert!(header(response, "cache-control").is_some());
    assert!(header(response, "content-security-policy").is_some());
    assert_eq!(header(response, "strict-transport-security"), None);
    assert!(response.headers().keys().all(|name| !name.as_str().starts_with("access-control")), "no CORS");
}

#[tokio::test]
async fn every_error_speaks_the_dialect_of_its_path() {
    let edge = edge();
    for (method, path, status, code) in [
        ("GET", "/sample", 404, "NotFound"),
        ("GET", "/sample/nothing", 404, "NotFound"),
        ("POST", "/sample/count/", 404, "NotFound"),
        ("GET", "/sample/count", 405, "MethodNotAllowed"),
        ("OPTIONS", "/sample/count", 405, "MethodNotAllowed"),
        ("BREW", "/sample/count", 405, "MethodNotAllowed"),
        ("GET", "/sample/panic", 500, "Internal"),
        ("GET", "/sample/panic-later", 500, "Internal"),
        ("GET", "/sample/fails/expired", 401, "CredentialExpired"),
        ("GET", "/sample/fails/unavailable", 503, "Unavailable"),
        ("GET", "/sample/bare/418", 400, "Malformed"),
        ("GET", "/sample/bare/415", 415, "UnsupportedMediaType"),
        ("GET", "/sample/bare/502", 500, "Internal"),
        ("GET", "/sample/bare/not-a-number", 400, "Malformed"),
    ] {
        let response = ask(&edge, method, path).await;
        assert_eq!(response.status(), status, "{method} {path}");
        check_standard_headers(&response);
        assert_eq!(header(&response, "content-type"), Some("application/json"), "{method} {path}");
        let id = header(&response, "x-request-id").unwrap().to_owned();
        let allow = header(&response, "allow").map(str::to_owned);
        let body = json(response).await;
        assert_eq!(body["error"], code, "{method} {path}");
        assert_eq!(body["requestId"], id, "{method} {path}");
        assert_eq!(body["at"], format!("{method} {path}"));
        assert_eq!(body["allow"].as_str(), allow.as_deref());
        assert_eq!(allow.is_some(), status == 405, "{method} {path}");
    }
}

#[tokio::test]
async fn what_nobody_owns_is_a_problem() {
    let edge = edge();
    for (method, path, status, code) in [
        ("GET", "/", 404, "not_found"),
        ("GET", "/v1", 404, "not_found"),
        ("GET", "/samples", 404, "not_found"),
        ("GET", "/health/", 404, "not_found"),
        ("GET", "//health", 404, "not_found"),
        ("POST", "/health", 405, "method_not_allowed"),
        ("OPTIONS", "*", 404, "not_found"),
        ("CONNECT", "example.com:80", 404, "not_found"),
        ("GET", "/%00/%ff", 404, "not_found"),
    ] {
        let response = ask(&edge, method, path).await;
        assert_eq!(response.status(), status, "{method} {path}");
        check_standard_headers(&response);
        assert_eq!(header(&response, "content-type"), Some("application/problem+json"));
        let id = header(&response, "x-request-id").unwrap().to_owned();
        let body = json(response).await;
        assert_eq!((&body["code"], &body["request_id"]), (&code.into(), &id.into()), "{method} {path}");
    }
    assert_eq!(header(&ask(&edge, "POST", "/health").await, "allow"), Some("GET,HEAD"));
}

#[tokio::test]
async fn an_error_carries_its_headers() {
    let edge = edge();
    let missing = ask(&edge, "GET", "/sample/fails/missing-credential").await;
    assert_eq!(header(&missing, "www-authenticate"), Some(r#"Bearer realm="api""#));
    let expired = ask(&edge, "GET", "/sample/fails/expired").await;
    assert_eq!(header(&expired, "www-authenticate"), Some(r#"Bearer realm="api", error="invalid_token""#));
    assert_eq!(header(&expired, "retry-after"), None);
    let unavailable = ask(&edge, "GET", "/sample/fails/unavailable").await;
    assert_eq!(header(&unavailable, "retry-after"), Some("7"));
    assert_eq!(header(&unavailable, "www-authenticate"), None);
    let limited = ask(&edge, "GET", "/sample/fails/limited").await;
    assert_eq!(limited.status(), 429);
    assert_eq!((header(&limited, "retry-after"), header(&limited, "ratelimit")), (Some("3"), Some("r=0")));
}

#[tokio::test]
async fn the_cause_of_our_failures_stays_inside() {
    let edge = edge();
    for path in ["/sample/panic", "/sample/panic-later", "/sample/fails/x", "/sample/bare/500"] {
        let body = String::from_utf8(bytes(ask(&edge, "GET", path).await).await.to_vec()).unwrap();
        for secret in ["tyre", "burst", "disk", "plain words", "panicked"] {
            assert!(!body.contains(secret), "{body}");
        }
    }
    assert_eq!(ask(&edge, "GET", "/health").await.status(), 200, "it serves on after a panic");
}

#[tokio::test]
async fn an_error_that_a_handler_wrote_itself_passes() {
    let response = ask(&edge(), "POST", "/sample/replayed").await;
    assert_eq!(response.status(), 409);
    check_standard_headers(&response);
    assert_eq!(&bytes(response).await[..], br#"{"saved":true}"#);
}

#[tokio::test]
async fn a_handlers_own_headers_stand_but_the_request_id_is_ours() {
    let response = ask(&edge(), "GET", "/sample/own-headers").await;
    assert_eq!(header(&response, "cache-control"), Some("public"));
    assert_eq!(header(&response, "content-security-policy"), Some("default-src 'self'"));
    assert_ne!(header(&response, "x-request-id"), Some("forged"));
    let plain = ask(&edge(), "GET", "/health").await;
    assert_eq!(header(&plain, "cache-control"), Some("no-store"));
    assert_eq!(header(&plain, "content-security-policy"), Some("default-src 'none'; frame-ancestors 'none'"));
}

#[tokio::test]
async fn https_is_announced_only_where_it_is_used() {
    let edge = site().edge(request_ids(), EdgeSettings { https: true, ..EdgeSettings::default() });
    let response = ask(&edge, "GET", "/nothing").await;
    assert!(header(&response, "strict-transport-security").unwrap().starts_with("max-age="));
}

#[tokio::test]
async fn a_callers_ids_are_kept_beside_ours() {
    let edge = edge();
    let trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    for (id, traceparent, kept_id, kept_trace) in [
        ("theirs 1", trace, Some("theirs 1"), Some(trace)),
        ("", "00-x", None, None),
        (&"x".repeat(128), &trace.replace("00-4", "ff-4"), Some(&*"x".repeat(128)), None),
        (&"x".repeat(129), "00-00000000000000000000000000000000-00f067aa0ba902b7-01", None, None),
        ("\u{e9}", "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01", None, None),
    ] {
        let request =
            request("POST", "/sample/count").header("x-request-id", id).header("traceparent", traceparent);
        let peer = Some(IpAddr::from([192, 0, 2, 7]));
        let response = edge.respond(request.body(Body::empty()).unwrap(), peer).await;
        let ours = header(&response, "x-request-id").unwrap().to_owned();
        assert_ne!(ours, id);
        let body = json(response).await;
        assert_eq!(body["requestId"], ours);
        assert_eq!(body["clientRequestId"].as_str(), kept_id, "{id}");
        assert_eq!(body["traceparent"].as_str(), kept_trace, "{traceparent}");
        assert_eq!(body["peer"], "192.0.2.7");
    }
}

#[tokio::test]
async fn head_answers_as_get_without_the_body() {
    let response = ask(&edge(), "HEAD", "/health").await;
    assert_eq!(response.status(), 200);
    assert_eq!(header(&response, "content-length"), Some("15"));
    assert!(bytes(response).await.is_empty());
}

#[tokio::test]
async fn health_is_fixed_and_readiness_is_asked() {
    let health = ask(&edge(), "GET", "/health").await;
    assert_eq!(&bytes(health).await[..], br#"{"status":"ok"}"#);
    assert_eq!(&bytes(ask(&edge(), "GET", "/ready").await).await[..], br#"{"status":"ok"}"#);

    let full = || crate::health::Readiness { reasons: vec!["no space left".into()] };
    let edge = crate::Site::new()
        .api(crate::health::api(Arc::new(full)))
        .edge(request_ids(), EdgeSettings::default());
    let ready = ask(&edge, "GET", "/ready").await;
    assert_eq!((ready.status().as_u16(), header(&ready, "retry-after")), (503, Some("1")));
    assert_eq!(&bytes(ready).await[..], br#"{"status":"unavailable","reasons":["no space left"]}"#);
    assert_eq!(ask(&edge, "GET", "/health").await.status(), 200, "liveness asks for nothing else");
}

#[tokio::test]
async fn every_listed_document_is_readable_and_routed() {
    let edge = edge();
    let listing = json(ask(&edge, "GET", "/openapi").await).await;
    let documents = listing["documents"].as_array().unwrap();
    let services: Vec<&str> =
        documents.iter().map(|document| document["service"].as_str().unwrap()).collect();
    assert_eq!(services, ["system", "sample"]);
    for listed in documents {
        let document = json(ask(&edge, "GET", listed["url"].as_str().unwrap()).await).await;
        assert!(document["openapi"].as_str().unwrap().starts_with("3.1."));
        assert_eq!(document["info"]["title"], listed["title"]);
        for path in document["paths"].as_object().unwrap().keys() {
            assert_eq!(
                ask(&edge, "BREW", path).await.status(),
                405,
                "{path} is in the document and not in the router"
            );
        }
    }
}
