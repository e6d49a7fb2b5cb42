use std::sync::atomic::{AtomicUsize, Ordering};

use axum::routing::get;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::sync::{Notify, oneshot};
use tokio::task::JoinHandle;

use super::*;
use crate::testing::{request_ids, site};
use crate::{EdgeSettings, Site};

struct Server {
    address: std::net::SocketAddr,
    stop: oneshot::Sender<()>,
    served: JoinHandle<()>,
}

async fn start(site: Site, limits: ServeLimits, settings: EdgeSettings) -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel();
    let edge = site.edge(request_ids(), settings);
    let served = tokio::spawn(serve(listener, edge, limits, async { drop(stopped.await) }));
    Server { address, stop, served }
}

async fn start_default() -> Server {
    start(site(), ServeLimits::default(), EdgeSettings::default()).await
}

async fn read_all(stream: &mut TcpStream) -> String {
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    String::from_utf8(answer).unwrap()
}

/// Reads until `count` answers of `/health` have arrived.
async fn read_healths(stream: &mut TcpStream, count: usize) -> String {
    let mut answer = String::new();
    while answer.matches(r#"{"status":"ok"}"#).count() < count {
        let mut piece = [0; 4096];
        let length = stream.read(&mut piece).await.unwrap();
        assert_ne!(length, 0, "closed after {answer}");
        answer.push_str(std::str::from_utf8(&piece[..length]).unwrap());
    }
    answer
}

const HEALTH: &[u8] = b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n";

#[tokio::test]
async fn pipelined_requests_are_answered_in_order_on_one_connection() {
    let server = start_default().await;
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    stream.write_all(&HEALTH.repeat(3)).await.unwrap();
    let answer = read_healths(&mut stream, 3).await;
    let ids: Vec<&str> = answer.lines().filter(|line| line.starts_with("x-request-id: ")).collect();
    assert_eq!(ids.len(), 3);
    assert!(ids.is_sorted() && ids[0] != ids[1] && ids[1] != ids[2], "{ids:?}");
    stream.write_all(HEALTH).await.unwrap();
    read_healths(&mut stream, 1).await;
}

#[tokio::test]
async fn an_unread_body_does_not_spoil_the_next_request() {
    let server = start_default().await;
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    let refused = b"POST /nothing HTTP/1.1\r\nHost: x\r\nContent-Length: 33\r\n\r\nGET /forged HTTP/1.1\r\nHost: x\r\n\r\n";
    stream.write_all(&[refused, HEALTH].concat()).await.unwrap();
    let answer = read_healths(&mut stream, 1).await;
    assert_eq!(answer.matches("HTTP/1.1 404 ").count(), 1, "{answer}");
    assert!(!answer.contains("forged"), "the body was taken for a request: {answer}");
}

#[tokio::test]
async fn a_client_that_sends_ten_megabytes_reads_why_they_were_refused() {
    let server = start_default().await;
    for framing in ["Content-Length: 10485760", "Transfer-Encoding: chunked"] {
        let (mut reading, mut writing) = TcpStream::connect(server.address).await.unwrap().into_split();
        let head = format!(
            "POST /sample/count HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n{framing}\r\n\r\n"
        );
        let chunked = framing.ends_with("chunked");
        // Like many clients, this one does not read before it has written everything.
        writing.write_all(head.as_bytes()).await.unwrap();
        let megabyte = if chunked {
            [b"100000\r\n".as_slice(), &[b' '; 1 << 20], b"\r\n"].concat()
        } else {
            vec![b' '; 1 << 20]
        };
        for _ in 0..10 {
            writing.write_all(&megabyte).await.unwrap();
        }
        let mut answer = String::new();
        reading.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 413 "), "{framing}: {answer}");
        assert!(answer.contains("BodyTooLarge") && answer.contains("x-request-id: req_"), "{answer}");
    }
}

#[tokio::test]
async fn a_body_that_trickles_is_cut_with_an_answer() {
    let settings = EdgeSettings { body_deadline: Duration::from_millis(20), ..EdgeSettings::default() };
    let server = start(site(), ServeLimits::default(), settings).await;
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    stream
        .write_all(b"POST /sample/count HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{")
        .await
        .unwrap();
    let mut answer = [0; 4096];
    let length = stream.read(&mut answer).await.unwrap();
    let answer = std::str::from_utf8(&answer[..length]).unwrap();
    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
}

#[tokio::test]
async fn a_head_that_does_not_arrive_ends_the_connection() {
    let limits = ServeLimits { head_deadline: Duration::from_millis(20), ..ServeLimits::default() };
    let server = start(site(), limits, EdgeSettings::default()).await;
    for begun in [b"".as_slice(), b"GET /health HTTP/1.1\r\nHost:"] {
        let mut stream = TcpStream::connect(server.address).await.unwrap();
        stream.write_all(begun).await.unwrap();
        assert!(!read_all(&mut stream).await.contains("200 OK"));
    }
}

#[tokio::test]
async fn too_many_headers_are_refused() {
    let server = start_default().await;
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    let headers = "a: b\r\n".repeat(200);
    stream.write_all(format!("GET /health HTTP/1.1\r\nHost: x\r\n{headers}\r\n").as_bytes()).await.unwrap();
    // The write half must close, or the server waits a moment for the rest.
    stream.shutdown().await.unwrap();
    let answer = read_all(&mut stream).await;
    assert!(answer.starts_with("HTTP/1.1 431 "), "{answer:?}");
}

#[tokio::test]
async fn a_shutdown_finishes_what_is_under_way_and_nothing_else() {
    let (entered, leave) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let slow = get({
        let (entered, leave) = (Arc::clone(&entered), Arc::clone(&leave));
        move || async move {
            entered.notify_one();
            leave.notified().await;
            "finished"
        }
    });
    let server = start(site().page("/slow", slow), ServeLimits::default(), EdgeSettings::default()).await;
    let mut idle = TcpStream::connect(server.address).await.unwrap();
    idle.write_all(HEALTH).await.unwrap();
    read_healths(&mut idle, 1).await;
    let mut busy = TcpStream::connect(server.address).await.unwrap();
    busy.write_all(b"GET /slow HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    entered.notified().await;

    server.stop.send(()).unwrap();
    assert_eq!(read_all(&mut idle).await, "", "an idle connection is closed");
    assert!(TcpStream::connect(server.address).await.is_err(), "no new connection is accepted");
    assert!(!server.served.is_finished(), "the server waits for the request under way");
    leave.notify_one();
    let answer = read_all(&mut busy).await;
    assert!(answer.starts_with("HTTP/1.1 200 ") && answer.ends_with("finished"), "{answer}");
    drop((idle, busy));
    server.served.await.unwrap();
}

#[tokio::test]
async fn a_shutdown_does_not_wait_beyond_its_deadline() {
    let entered = Arc::new(Notify::new());
    let stuck = get({
        let entered = Arc::clone(&entered);
        move || async move {
            entered.notify_one();
            std::future::pending::<()>().await;
        }
    });
    let limits = ServeLimits { shutdown_deadline: Duration::from_millis(20), ..ServeLimits::default() };
    let server = start(site().page("/stuck", stuck), limits, EdgeSettings::default()).await;
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    stream.write_all(b"GET /stuck HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    entered.notified().await;
    server.stop.send(()).unwrap();
    server.served.await.unwrap();
}

#[tokio::test]
async fn connections_beyond_the_limit_wait_for_their_turn() {
    let (inside, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let busy = get({
        let (inside, most) = (Arc::clone(&inside), Arc::clone(&most));
        move || async move {
            most.fetch_max(inside.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            tokio::task::yield_now().await;
            inside.fetch_sub(1, Ordering::SeqCst);
            "done"
        }
    });
    let limits = ServeLimits { connections_max: 2, ..ServeLimits::default() };
    let server = start(site().page("/busy", busy), limits, EdgeSettings::default()).await;
    let clients: Vec<_> = (0..16)
        .map(|_| {
            tokio::spawn(async move {
                let mut stream = TcpStream::connect(server.address).await.unwrap();
                stream
                    .write_all(b"GET /busy HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
                    .await
                    .unwrap();
                read_all(&mut stream).await
            })
        })
        .collect();
    for client in clients {
        assert!(client.await.unwrap().ends_with("done"));
    }
    assert!(most.load(Ordering::SeqCst) <= 2);
}

#[tokio::test]
async fn a_unix_socket_serves_the_same() {
    let folder = std::env::temp_dir().join(format!("web-serve-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let path = folder.join("socket");
    let listener = UnixListener::bind(&path).unwrap();
    let edge = site().edge(request_ids(), EdgeSettings::default());
    let served = tokio::spawn(serve(listener, edge, ServeLimits::default(), std::future::pending()));
    let mut stream = UnixStream::connect(&path).await.unwrap();
    stream.write_all(b"GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await.unwrap();
    stream.shutdown().await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.ends_with(r#"{"status":"ok"}"#), "{answer}");
    served.abort();
    std::fs::remove_dir_all(&folder).unwrap();
}
