//! Requests that are wrong as bytes on a connection, against the real accept loop.

use std::io::{BufReader, Read as _, Write as _};
use std::net::Shutdown;
use std::sync::Arc;

use it::client;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use web::serve::{ServeLimits, serve};

use super::Untouched;
use crate::fixture::{Client, World};

on_both_engines! {
    a_body_that_stops_arriving_is_a_408_in_the_contracts_shape_and_charges_nothing
    a_content_length_that_lies_charges_nothing
    a_chunked_body_is_read_like_any_other
    a_body_of_10_mb_is_refused_before_it_was_sent
    a_head_that_is_too_large_or_not_http_is_refused
    requests_in_one_connection_are_answered_in_order
}

/// Serves the public site on a socket while `body` runs on a thread of its own.
async fn served(world: &Arc<World>, body: impl FnOnce(&str) + Send + 'static) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel::<()>();
    let shutdown = async { drop(stopped.await) };
    let serving = tokio::spawn(serve(listener, world.public().clone(), ServeLimits::default(), shutdown));
    tokio::task::spawn_blocking(move || body(&format!("http://{address}"))).await.unwrap();
    drop(stop);
    serving.await.unwrap();
}

fn head(client: &Client, more: &str) -> String {
    format!("POST /v1/verify HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\n{more}\r\n", client.token)
}

/// Sends these bytes on a connection of its own and gives status and JSON of the answer.
fn raw(base_url: &str, bytes: &[u8]) -> (u16, Value) {
    let answer = client::Client::new(base_url).send_raw(bytes).unwrap();
    (answer.status, answer.json())
}

async fn a_body_that_stops_arriving_is_a_408_in_the_contracts_shape_and_charges_nothing(world: Arc<World>) {
    let client = world.client(100).await;
    let untouched = Untouched::of(&world, &client).await;
    let sent = client.clone();
    served(&world, move |base_url| {
        for (length, part) in
            [("Content-Length: 11\r\n", "{"), ("Transfer-Encoding: chunked\r\n", "1\r\n{\r\n")]
        {
            // Nothing more comes: the answer is due at the deadline, whatever a caller dribbles.
            let (status, body) = raw(base_url, format!("{}{part}", head(&sent, length)).as_bytes());
            assert_eq!((status, &body["error"]), (408, &Value::from("Request Timeout")), "{body}");
        }
    })
    .await;
    untouched.assert("a slow body").await;
}

async fn a_content_length_that_lies_charges_nothing(world: Arc<World>) {
    let client = world.client(100).await;
    let untouched = Untouched::of(&world, &client).await;
    let sent = client.clone();
    served(&world, move |base_url| {
        let (status, body) =
            raw(base_url, format!("{}{{\"count\":1}}", head(&sent, "Content-Length: 5\r\n")).as_bytes());
        assert_eq!((status, &body["error"]), (400, &Value::from("Invalid Request")), "{body}");
        // Longer than what is sent, and then the end of the connection.
        let mut stream = client::Client::new(base_url).connect().unwrap();
        stream
            .write_all(format!("{}{{\"count\":1}}", head(&sent, "Content-Length: 50\r\n")).as_bytes())
            .unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 400 "), "{answer}");
        for length in ["abc", "-1", "1, 2", "99999999999999999999", "+5", "0x5"] {
            let (status, _) = raw(
                base_url,
                format!("{}{{}}", head(&sent, &format!("Content-Length: {length}\r\n"))).as_bytes(),
            );
            assert_eq!(status, 400, "{length}");
        }
        let two = head(&sent, "Content-Length: 2\r\nContent-Length: 3\r\n");
        assert_eq!(raw(base_url, format!("{two}{{}}").as_bytes()).0, 400);
    })
    .await;
    untouched.assert("a false length").await;
}

async fn a_chunked_body_is_read_like_any_other(world: Arc<World>) {
    let client = world.client(100).await;
    let sent = client.clone();
    served(&world, move |base_url| {
        let chunked = head(&sent, "Transfer-Encoding: chunked\r\n");
        let good = format!("{chunked}5\r\n{{\"cou\r\n6\r\nnt\":2}}\r\n0\r\n\r\n");
        assert_eq!(raw(base_url, good.as_bytes()).1["balance"], 98);
        let (status, body) = raw(base_url, format!("{chunked}zz\r\n{{}}\r\n0\r\n\r\n").as_bytes());
        assert_eq!((status, &body["error"]), (400, &Value::from("Invalid Request")), "{body}");
        let large = format!("{chunked}10001\r\n{}\r\n0\r\n\r\n", " ".repeat(0x10001));
        let (status, body) = raw(base_url, large.as_bytes());
        assert_eq!((status, &body["error"]), (413, &Value::from("Request Too Large")), "{body}");
        let unknown = head(&sent, "Transfer-Encoding: gzip\r\n");
        assert_eq!(raw(base_url, format!("{unknown}{{}}").as_bytes()).0, 400);
    })
    .await;
    assert_eq!(world.balance(&client.account).await, 98);
}

async fn a_body_of_10_mb_is_refused_before_it_was_sent(world: Arc<World>) {
    let client = world.client(100).await;
    let untouched = Untouched::of(&world, &client).await;
    let sent = client.clone();
    served(&world, move |base_url| {
        let head = head(&sent, "Content-Length: 10485760\r\n");
        let (status, body) = raw(base_url, head.as_bytes());
        assert_eq!((status, &body["error"]), (413, &Value::from("Request Too Large")), "{body}");
        let whole = [head.as_bytes(), &vec![b' '; 10_485_760]].concat();
        let (status, body) = raw(base_url, &whole);
        assert_eq!((status, &body["error"]), (413, &Value::from("Request Too Large")), "{body}");
    })
    .await;
    untouched.assert("a large body").await;
}

async fn a_head_that_is_too_large_or_not_http_is_refused(world: Arc<World>) {
    let client = world.client(100).await;
    let untouched = Untouched::of(&world, &client).await;
    let sent = client.clone();
    served(&world, move |base_url| {
        let long = format!("X-Long: {}\r\nContent-Length: 0\r\n", "x".repeat(1_000_000));
        assert_eq!(raw(base_url, head(&sent, &long).as_bytes()).0, 431);
        let many = "X-Many: 1\r\n".repeat(200);
        assert_eq!(raw(base_url, head(&sent, &many).as_bytes()).0, 431);
        let address = format!("GET /{} HTTP/1.1\r\nHost: x\r\n\r\n", "a".repeat(1_000_000));
        let status = raw(base_url, address.as_bytes()).0;
        assert!([414, 431].contains(&status), "{status}");
        for bytes in [
            "\u{16}\u{3}\u{1}\u{2}\r\n\r\n",
            "nonsense\r\n\r\n",
            "GET / HTTP/9.9\r\n\r\n",
            "POST /v1/ve rify HTTP/1.1\r\n\r\n",
        ] {
            let mut stream = client::Client::new(base_url).connect().unwrap();
            stream.write_all(bytes.as_bytes()).unwrap();
            let mut answer = Vec::new();
            BufReader::new(&mut stream).read_to_end(&mut answer).unwrap();
            assert!(answer.starts_with(b"HTTP/1.1 400 "), "{bytes:?}: {}", String::from_utf8_lossy(&answer));
        }
    })
    .await;
    untouched.assert("no HTTP").await;
}

async fn requests_in_one_connection_are_answered_in_order(world: Arc<World>) {
    let client = world.client(100).await;
    let sent = client.clone();
    served(&world, move |base_url| {
        let mut connection = client::Client::new(base_url);
        for left in (90..100).rev() {
            let answer = connection.send(&client::Request::post("/v1/verify").bearer(&sent.token)).unwrap();
            assert_eq!(answer.json()["balance"], left);
        }
        let mut stream = client::Client::new(base_url).connect().unwrap();
        let one = head(&sent, "Content-Length: 0\r\n");
        let last = head(&sent, "Content-Length: 0\r\nConnection: close\r\n");
        stream.write_all(format!("{one}{one}{last}").as_bytes()).unwrap();
        let mut answers = String::new();
        stream.read_to_string(&mut answers).unwrap();
        let balances: Vec<_> = answers.split("\"balance\":").skip(1).map(|rest| &rest[..2]).collect();
        assert_eq!(balances, ["89", "88", "87"]);
    })
    .await;
    assert_eq!(world.balance(&client.account).await, 87);
}
