use std::pin::Pin;
use std::task::{Context, Poll};

use http_body::{Frame, SizeHint};

use super::*;
use crate::testing::{edge, json, request};

/// A body of pieces that then ends, or never does.
struct Pieces {
    left: Vec<&'static [u8]>,
    ends: bool,
    announced: Option<u64>,
}

impl http_body::Body for Pieces {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        if self.left.is_empty() {
            return if self.ends { Poll::Ready(None) } else { Poll::Pending };
        }
        Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(self.left.remove(0))))))
    }

    fn size_hint(&self) -> SizeHint {
        self.announced.map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}

fn pieces(left: &[&'static [u8]]) -> Body {
    Body::new(Pieces { left: left.to_vec(), ends: true, announced: None })
}

const SMALL: BodyLimits = BodyLimits { bytes_max: 8, deadline: Duration::from_millis(20) };

#[tokio::test]
async fn a_body_is_read_up_to_its_limit_however_it_is_cut() {
    for parts in [&[b"12345678".as_slice()][..], &[b"1234", b"5678"], &[b"", b"1", b"", b"2345678", b""]] {
        assert_eq!(&read(&HeaderMap::new(), pieces(parts), SMALL).await.unwrap()[..], b"12345678");
    }
    for parts in [&[b"123456789".as_slice()][..], &[b"12345678", b"9"], &[b"1", b"2", b"3456789"]] {
        let fault = read(&HeaderMap::new(), pieces(parts), SMALL).await.unwrap_err();
        assert_eq!(
            (fault.code, &*fault.detail),
            (Code::BodyTooLarge, "The body is larger than the 8 bytes allowed here.")
        );
    }
}

#[tokio::test]
async fn a_body_that_announces_too_much_is_refused_unread() {
    // Reading it would never end: only a refusal at once can answer.
    let body = Body::new(Pieces { left: Vec::new(), ends: false, announced: Some(9) });
    let limits = BodyLimits { deadline: Duration::from_secs(3600), ..SMALL };
    assert_eq!(read(&HeaderMap::new(), body, limits).await.unwrap_err().code, Code::BodyTooLarge);
}

#[tokio::test]
async fn a_body_that_stalls_is_given_up() {
    let body = Body::new(Pieces { left: vec![b"1"], ends: false, announced: Some(2) });
    let fault = read(&HeaderMap::new(), body, SMALL).await.unwrap_err();
    assert_eq!(fault.code, Code::RequestTimeout);
    assert!(fault.detail.contains("0.02 seconds"), "{fault}");
}

#[tokio::test]
async fn the_content_type_must_be_json_where_there_is_a_body() {
    let edge = edge();
    for (content_type, status) in [
        ("application/json", 200),
        ("Application/JSON; charset=utf-8", 200),
        ("application/vnd.sample+json", 200),
        ("application/x-www-form-urlencoded", 415),
        ("text/plain", 415),
        ("application/jsonx", 415),
        ("json", 415),
        ("", 415),
    ] {
        let request = request("POST", "/sample/count").header("content-type", content_type);
        let response = edge.respond(request.body(Body::from(r#"{"count":2}"#)).unwrap(), None).await;
        assert_eq!(response.status(), status, "{content_type}");
        let body = json(response).await;
        let says_what_to_do =
            body["message"].as_str().is_some_and(|text| text.contains("-H 'Content-Type: application/json'"));
        assert_eq!(says_what_to_do, status == 415, "{content_type}");
    }
    let nothing_said = request("POST", "/sample/count").body(Body::from(r#"{"count":2}"#)).unwrap();
    assert_eq!(json(edge.respond(nothing_said, None).await).await["count"], 2);
    let nothing_sent =
        request("POST", "/sample/count").header("content-type", "text/plain").body(Body::empty());
    assert_eq!(json(edge.respond(nothing_sent.unwrap(), None).await).await["count"], 1);
}

#[tokio::test]
async fn nothing_is_decompressed() {
    for (coding, status) in [("identity", 200), ("Identity", 200), ("gzip", 415), ("br, gzip", 415)] {
        let request = request("POST", "/sample/count").header("content-encoding", coding);
        let response = edge().respond(request.body(Body::from("{}")).unwrap(), None).await;
        assert_eq!(response.status(), status, "{coding}");
    }
}

#[tokio::test]
async fn a_bad_body_is_the_callers_error_in_the_services_shape() {
    for (body, status, code) in [
        ("not json", 400, "Malformed"),
        ("[]", 400, "Malformed"),
        (r#"{"count":1,"count":2}"#, 400, "Malformed"),
        (r#"{"count":"1"}"#, 400, "Invalid"),
        (r#"{"count":1e999}"#, 400, "Invalid"),
        (r#"{"count":-1}"#, 400, "Invalid"),
    ] {
        let request = request("POST", "/sample/count").header("content-type", "application/json");
        let response = edge().respond(request.body(Body::from(body)).unwrap(), None).await;
        assert_eq!(response.status(), status, "{body}");
        assert_eq!(json(response).await["error"], code, "{body}");
    }
}
