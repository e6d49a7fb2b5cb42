//! Addresses that lead somewhere they must not: none of them is ever connected to.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use attestry::outbound::{Failure, Outbound, Resolve};
use http::Uri;
use web::destination::Network;

use super::{LIMITS, get};
use crate::fixture::{Act, Stub};

/// Refused by their text, before any name is asked for.
const REFUSED_BY_TEXT: &[&str] = &[
    // Other schemes, and none.
    "http://hooks.example/",
    "http://127.0.0.1/",
    "ftp://hooks.example/",
    "file:///etc/passwd",
    "gopher://127.0.0.1:25/_HELO",
    "unix:/run/attestry.sock",
    "//127.0.0.1/",
    "/relative",
    "hooks.example:443",
    "",
    // A user, which hides the host from whoever reads.
    "https://user:password@hooks.example/",
    "https://hooks.example@127.0.0.1/",
    "https://hooks.example:443@169.254.169.254/",
    "https://127.0.0.1%2f@hooks.example/",
    // Ports of other services.
    "https://hooks.example:22/",
    "https://hooks.example:25/",
    "https://hooks.example:6379/",
    "https://hooks.example:8081/",
    "https://hooks.example:0/",
    "https://hooks.example:65536/",
    "https://hooks.example:http/",
    // Loopback, this network, everybody.
    "https://127.0.0.1/",
    "https://127.0.0.1:8443/",
    "https://127.255.255.254/",
    "https://0.0.0.0/",
    "https://0.1.2.3/",
    "https://255.255.255.255/",
    // Private, shared, link-local and a cloud's metadata.
    "https://10.0.0.1/",
    "https://10.255.255.255/",
    "https://172.16.0.1/",
    "https://172.31.255.254/",
    "https://192.168.1.1/",
    "https://100.64.0.1/",
    "https://100.100.100.200/latest/meta-data/",
    "https://169.254.169.254/latest/meta-data/",
    "https://169.254.170.2/v2/credentials",
    // Protocols, documentation, measurements, groups.
    "https://192.0.0.192/",
    "https://192.0.2.1/",
    "https://192.88.99.1/",
    "https://198.18.0.1/",
    "https://198.51.100.1/",
    "https://203.0.113.1/",
    "https://224.0.0.1/",
    "https://240.0.0.1/",
    // IPv6, and IPv4 wrapped in it.
    "https://[::]/",
    "https://[::1]/",
    "https://[0:0:0:0:0:0:0:1]/",
    "https://[::127.0.0.1]/",
    "https://[::ffff:127.0.0.1]/",
    "https://[::ffff:7f00:1]/",
    "https://[::FFFF:169.254.169.254]/",
    "https://[0:0:0:0:0:ffff:a00:1]/",
    "https://[64:ff9b::127.0.0.1]/",
    "https://[64:ff9b:1::7f00:1]/",
    "https://[2002:7f00:1::]/",
    "https://[2002:a9fe:a9fe::1]/",
    "https://[2001::1]/",
    "https://[2001:db8::1]/",
    "https://[100::1]/",
    "https://[fc00::1]/",
    "https://[fd00:ec2::254]/latest/meta-data/",
    "https://[fe80::1]/",
    "https://[fec0::1]/",
    "https://[ff02::1]/",
    "https://[3fff::1]/",
    "https://[5f00::1]/",
    // Not quite an address.
    "https://[::1/",
    "https://[fe80::1%25eth0]/",
    "https://127.0.0.1\\@hooks.example/",
    "https://127.0.0.1 hooks.example/",
    "https:///127.0.0.1/",
];

/// Refused once the resolver says where they lead. A resolver may read the numbers of the first ones as inet_aton(3)
/// does, and so does the one of this test.
const REFUSED_BY_RESOLVER: &[&str] = &[
    "2130706433",
    "0x7f000001",
    "0x7F.0.0.1",
    "0177.0.0.1",
    "017700000001",
    "127.1",
    "127.0.1",
    "0",
    "0x0",
    "2852039166",
    "0xa9fea9fe",
    "0251.0376.0251.0376",
    "10.1",
    "localhost",
    "localhost.",
    "LOCALHOST",
    "127.0.0.1.",
    "127.0.0.1.nip.example",
    "metadata.cloud.internal",
    "hooks.example",
    "xn--lcalhost-v4d.example",
];

/// Reads what inet_aton reads, and takes every other name home.
fn home() -> Resolve {
    Arc::new(|host, port| {
        let address = inet_aton(host.trim_end_matches('.')).unwrap_or(Ipv4Addr::LOCALHOST);
        Box::pin(async move { Ok(vec![SocketAddr::new(IpAddr::V4(address), port)]) })
    })
}

/// One to four numbers, decimal, octal or hexadecimal; the last fills what is left of the 32 bits.
fn inet_aton(text: &str) -> Option<Ipv4Addr> {
    let number = |part: &str| match part.to_ascii_lowercase() {
        hex if hex.starts_with("0x") => u32::from_str_radix(&hex[2..], 16).ok(),
        octal if octal.starts_with('0') && octal.len() > 1 => u32::from_str_radix(&octal[1..], 8).ok(),
        decimal => decimal.parse().ok(),
    };
    let parts: Vec<u32> = text.split('.').map(number).collect::<Option<_>>()?;
    let (last, first) = parts.split_last()?;
    if first.len() > 3 {
        return None;
    }
    let high = first.iter().zip([24, 16, 8]).fold(0, |bits, (part, shift)| bits | (part << shift));
    Some(Ipv4Addr::from(high | last))
}

#[test]
fn the_resolver_of_these_tests_reads_numbers_in_all_their_forms() {
    for text in ["2130706433", "0x7f000001", "0177.0.0.1", "017700000001", "127.1", "127.0.1", "127.0.0.1"] {
        assert_eq!(inet_aton(text), Some(Ipv4Addr::LOCALHOST), "{text}");
    }
    assert_eq!(inet_aton("0251.0376.0251.0376"), Some(Ipv4Addr::new(169, 254, 169, 254)));
    assert_eq!(inet_aton("hooks.example"), None);
}

#[tokio::test]
async fn an_address_that_leads_home_is_refused_by_its_text_or_once_resolved_and_never_connected_to() {
    let canary = Stub::start([Act::Answer(200, "caught".to_owned())]).await;
    let unasked: Resolve = Arc::new(|host, _| panic!("{host} was asked for, though its text is refused"));
    let by_text = Outbound::resolving(Network::Public, None, unasked).unwrap();
    for url in REFUSED_BY_TEXT {
        let Ok(uri) = url.parse::<Uri>() else { continue };
        let judged =
            by_text.send(http::Request::get(uri).body(http_body_util::Full::default()).unwrap(), LIMITS);
        let judged = judged.await;
        assert!(matches!(judged, Err(Failure::Forbidden(_))), "{url}: {judged:?}");
    }
    let by_resolver = Outbound::resolving(Network::Public, None, home()).unwrap();
    for host in REFUSED_BY_RESOLVER {
        for port in ["", ":8443"] {
            let judged = get(&by_resolver, &format!("https://{host}{port}/"), LIMITS).await;
            assert!(matches!(judged, Err(Failure::Forbidden(_))), "{host}: {judged:?}");
        }
    }
    assert_eq!(canary.connections(), 0);
    assert!(REFUSED_BY_TEXT.len() + REFUSED_BY_RESOLVER.len() >= 60);
}

#[tokio::test]
async fn of_several_addresses_only_the_public_ones_are_tried() {
    let canary = Stub::start([Act::Answer(200, "caught".to_owned())]).await;
    let home = canary.address;
    let resolve: Resolve = Arc::new(move |_, _| Box::pin(async move { Ok(vec![home, home]) }));
    let outbound = Outbound::resolving(Network::Public, None, resolve).unwrap();
    let judged = get(&outbound, "https://hooks.example/", LIMITS).await;
    assert!(matches!(judged, Err(Failure::Forbidden(_))), "{judged:?}");
    assert_eq!(canary.connections(), 0);
}
