use base::id::{KeyId, LineageId, TenantId};
use base::{Environment, Timestamp};

use super::*;

fn key(kind: KeyKind, origins: &[&str], ips: &[&str]) -> Key {
    Key {
        key_id: KeyId::from_bits(1),
        lineage_id: LineageId::from_bits(1),
        tenant_id: TenantId::from_bits(1),
        environment: Environment::Test,
        service: Service::Identity,
        kind,
        scopes: Vec::new(),
        label: String::new(),
        last_four: String::new(),
        pair_mac: None,
        allowed_origins: origins.iter().map(|origin| origin.parse().unwrap()).collect(),
        allowed_ips: ips.iter().map(|network| network.parse().unwrap()).collect(),
        rate_limit_per_minute: None,
        spend_cap_per_day: None,
        created_at: Timestamp::from_millis(0),
        last_used_at: None,
        expires_at: None,
        revoked_at: None,
    }
}

#[track_caller]
fn check(key: &Key, client: Option<&str>, origins: &[&str], is_allowed: bool) {
    let mut headers = HeaderMap::new();
    for origin in origins {
        headers.append(header::ORIGIN, HeaderValue::from_bytes(origin.as_bytes()).unwrap());
    }
    let outcome = ensure_allowed_from(key, client.map(|address| address.parse().unwrap()), &headers);
    let expected = if is_allowed { None } else { Some(Code::OriginDenied) };
    assert_eq!(outcome.err().map(|fault| fault.code), expected, "{client:?} {origins:?}");
}

#[test]
fn a_publishable_key_works_for_the_pages_of_its_origins_alone() {
    let listed = key(KeyKind::Publishable, &["https://app.example.com", "https://*.example.org"], &[]);
    for origin in ["https://app.example.com", "https://a.b.example.org"] {
        check(&listed, None, &[origin], true);
    }
    for origins in [
        vec![],
        vec!["null"],
        vec!["https://example.org"],
        vec!["http://app.example.com"],
        vec!["https://app.example.com", "https://app.example.com"],
        vec!["https://caf\u{e9}.example.org"],
    ] {
        check(&listed, None, &origins, false);
    }
    check(&key(KeyKind::Publishable, &[], &[]), None, &["https://app.example.com"], false);
    check(&key(KeyKind::Publishable, &["no-origin"], &[]), None, &[], true);
    for origins in [vec![], vec!["https://evil.example"], vec!["a", "b"]] {
        check(&key(KeyKind::Secret, &[], &[]), None, &origins, true);
    }
}

#[test]
fn a_key_bound_to_networks_works_from_them_alone() {
    let bound = key(KeyKind::Secret, &[], &["203.0.113.0/24", "2001:db8::/32"]);
    for address in ["203.0.113.7", "::ffff:203.0.113.7", "2001:db8::7"] {
        check(&bound, Some(address), &[], true);
    }
    for address in [Some("203.0.114.7"), Some("2001:db9::7"), None] {
        check(&bound, address, &[], false);
    }
    check(&key(KeyKind::Secret, &[], &[]), None, &[], true);
}
