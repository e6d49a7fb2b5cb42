//! The guarded way out: what may be asked, and what an answer may do.

mod hostile;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use attestry::outbound::{Failure, Limits, Outbound, Reply, Resolve};
use http::Request;
use http_body_util::Full;
use it::settings::workspace;
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use web::destination::{Network, permit};

use crate::fixture::{Act, Stub};

const LIMITS: Limits = Limits { deadline: Duration::from_secs(10), answer_bytes_max: 1000 };

/// Every name is at these addresses, one after the other and then the last.
fn resolving_to(addresses: &[SocketAddr]) -> Resolve {
    let (addresses, asked) = (addresses.to_vec(), Arc::new(AtomicUsize::new(0)));
    Arc::new(move |_, _| {
        let turn = asked.fetch_add(1, Ordering::SeqCst).min(addresses.len() - 1);
        let address = addresses[turn];
        Box::pin(async move { Ok(vec![address]) })
    })
}

fn outbound(network: Network, authorities: Option<&Path>, at: SocketAddr) -> Outbound {
    Outbound::resolving(network, authorities, resolving_to(&[at])).unwrap()
}

async fn get(outbound: &Outbound, url: &str, limits: Limits) -> Result<Reply, Failure> {
    outbound.send(Request::get(url).body(Full::default()).unwrap(), limits).await
}

#[tokio::test]
async fn no_address_leads_into_a_private_network() {
    let canary = Stub::start([Act::Answer(200, "caught".to_owned())]).await;
    let port = canary.address.port();
    let outbound = Outbound::new(Network::Public, None).unwrap();
    let plain = [
        "http://registry.example/",
        "https://user:password@registry.example/",
        "https://registry.example@127.0.0.1/",
        "https://registry.example:22/",
        "https://127.0.0.1/",
        "https://127.255.255.254/",
        "https://10.0.0.1/",
        "https://172.20.0.1/",
        "https://192.168.0.1/",
        "https://169.254.169.254/latest/meta-data/",
        "https://100.64.0.1/",
        "https://0.0.0.0/",
        "https://255.255.255.255/",
        "https://[::1]/",
        "https://[::]/",
        "https://[::ffff:127.0.0.1]/",
        "https://[::ffff:7f00:1]/",
        "https://[64:ff9b::7f00:1]/",
        "https://[2002:7f00:1::]/",
        "https://[fc00::1]/",
        "https://[fe80::1]/",
        "https://[ff02::1]/",
    ];
    for url in plain {
        let judged = get(&outbound, url, LIMITS).await;
        assert!(matches!(judged, Err(Failure::Forbidden(_))), "{url}: {judged:?}");
        let long = format!("https://registry.example/{}", "x".repeat(2048));
        assert!(permit(Network::Public, &long.parse().unwrap()).is_err());
    }
    // Other ways to write 127.0.0.1, which the system's resolver may understand.
    for host in ["localhost", "localhost.", "127.1", "2130706433", "0x7f000001", "0177.0.0.1", "0"] {
        let judged = get(&outbound, &format!("https://{host}:8443/"), LIMITS).await;
        assert!(matches!(judged, Err(Failure::Forbidden(_) | Failure::Unreachable)), "{host}: {judged:?}");
        // The same name where the port is the canary's.
        let judged = get(&outbound, &format!("https://{host}:{port}/"), LIMITS).await;
        assert!(matches!(judged, Err(Failure::Forbidden(_))), "{host}: {judged:?}");
    }
    assert_eq!(canary.connections(), 0);
}

#[tokio::test]
async fn a_name_that_changes_its_mind_is_judged_at_each_connection() {
    let canary = Stub::start([Act::Answer(200, "caught".to_owned())]).await;
    // First a public address (of a network for documentation on 443 nobody answers), then our own.
    let public: SocketAddr = "[2606:4700::1]:443".parse().unwrap();
    let resolve = resolving_to(&[public, canary.address]);
    let outbound = Outbound::resolving(Network::Public, None, resolve).unwrap();
    let short = Limits { deadline: Duration::from_millis(200), ..LIMITS };
    let first = get(&outbound, "https://rebinding.example/", short).await;
    assert!(matches!(first, Err(Failure::Unreachable | Failure::TimedOut)), "{first:?}");
    let second = get(&outbound, "https://rebinding.example/", LIMITS).await;
    assert!(matches!(second, Err(Failure::Forbidden(_))), "{second:?}");
    assert_eq!(canary.connections(), 0);
}

#[tokio::test]
async fn an_answer_is_bounded_in_bytes_and_time_and_leads_nowhere_else() {
    let stub = Stub::start([Act::Hang]).await;
    let outbound = outbound(Network::Private, None, stub.address);
    let (host, elsewhere) =
        ("http://registry.test/", Stub::start([Act::Answer(200, "caught".to_owned())]).await);
    let redirect =
        format!("HTTP/1.1 302 X\r\nlocation: http://{}/\r\ncontent-length: 0\r\n\r\n", elsewhere.address);
    stub.set([Act::Bytes(redirect.into_bytes())]);
    assert_eq!(get(&outbound, host, LIMITS).await.unwrap().status, 302);
    assert_eq!(elsewhere.connections(), 0, "a redirect is an answer like any other");
    stub.set([Act::Answer(200, "x".repeat(1000))]);
    assert_eq!(get(&outbound, host, LIMITS).await.unwrap().body.len(), 1000);
    stub.set([Act::Answer(200, "x".repeat(1001))]);
    assert_eq!(get(&outbound, host, LIMITS).await.unwrap_err(), Failure::TooLarge);
    stub.set([Act::Bytes(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf".to_vec())]);
    assert_eq!(get(&outbound, host, LIMITS).await.unwrap_err(), Failure::Broken);
    stub.set([Act::Hang]);
    let short = Limits { deadline: Duration::from_millis(100), ..LIMITS };
    assert_eq!(get(&outbound, host, short).await.unwrap_err(), Failure::TimedOut);
    let nowhere = self::outbound(Network::Private, None, Stub::nowhere().await);
    assert_eq!(get(&nowhere, host, LIMITS).await.unwrap_err(), Failure::Unreachable);
}

fn tls(name: &str) -> PathBuf {
    workspace().join("crates/it/tests/it/outbound/tls").join(name)
}

/// A stub behind TLS, whose certificate is for `registry.test`.
async fn secured(act: Act) -> Stub {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let stub = Stub::at(listener.local_addr().unwrap(), [act]);
    let certificates = vec![CertificateDer::from_pem_file(tls("server.pem")).unwrap()];
    let key = PrivateKeyDer::from_pem_file(tls("server.key")).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let config = config.with_no_client_auth().with_single_cert(certificates, key).unwrap();
    let (acceptor, serving) = (TlsAcceptor::from(Arc::new(config)), stub.clone());
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (acceptor, serving) = (acceptor.clone(), serving.clone());
            tokio::spawn(async move {
                if let Ok(stream) = acceptor.accept(stream).await {
                    serving.serve(stream).await;
                }
            });
        }
    });
    stub
}

#[tokio::test]
async fn only_the_host_that_was_named_and_is_vouched_for_is_asked() {
    let stub = secured(Act::Answer(200, "sealed".to_owned())).await;
    let trusting = outbound(Network::Private, Some(&tls("authority.pem")), stub.address);
    assert_eq!(get(&trusting, "https://registry.test/", LIMITS).await.unwrap().body, "sealed");
    for (outbound, url) in [
        (trusting, "https://other.test/"),
        (outbound(Network::Private, None, stub.address), "https://registry.test/"),
    ] {
        let judged = get(&outbound, url, LIMITS).await;
        assert_eq!(judged.unwrap_err(), Failure::Unreachable, "{url}");
    }
    assert_eq!(stub.requests().len(), 1);
    let missing = Outbound::new(Network::Public, Some(Path::new("/nowhere.pem"))).unwrap_err();
    assert!(missing.detail.contains("/nowhere.pem"), "{missing}");
}
