//! Where a call came from: the other end of the connection, or what proxies that the operator trusts say of it.

use std::net::{IpAddr, SocketAddr};

use base::Cidr;
use http::HeaderMap;

/// Each proxy appends the address that it was called from, so only what a trusted one wrote counts: the list is read
/// from its end, and the first address that is no trusted proxy's is the caller's.
///
/// `None` where it cannot be told: a connection without an address, or a trusted proxy that wrote none.
pub(crate) fn client_address(headers: &HeaderMap, peer: Option<IpAddr>, trusted: &[Cidr]) -> Option<IpAddr> {
    let is_trusted = |address: IpAddr| trusted.iter().any(|network| network.contains(address));
    let mut nearest = peer?.to_canonical();
    let lines: Vec<_> = headers.get_all("x-forwarded-for").iter().collect();
    for line in lines.into_iter().rev() {
        for entry in line.as_bytes().rsplit(|&byte| byte == b',') {
            if !is_trusted(nearest) {
                return Some(nearest);
            }
            nearest = read(entry)?;
        }
    }
    Some(nearest)
}

/// An address, with or without a port; IPv6 with or without brackets.
fn read(entry: &[u8]) -> Option<IpAddr> {
    let text = std::str::from_utf8(entry).ok()?.trim();
    let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
    let address = bare.parse().ok().or_else(|| text.parse().ok().map(|socket: SocketAddr| socket.ip()));
    address.map(|address: IpAddr| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(peer: &str, lines: &[&str], expected: Option<&str>) {
        let trusted: Vec<Cidr> = vec!["10.0.0.0/8".parse().unwrap(), "2001:db8::/32".parse().unwrap()];
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append("x-forwarded-for", line.parse().unwrap());
        }
        let found = client_address(&headers, peer.parse().ok(), &trusted);
        assert_eq!(found, expected.map(|address| address.parse().unwrap()), "{peer} {lines:?}");
    }

    #[test]
    fn a_caller_that_is_no_trusted_proxy_is_who_it_is() {
        check("203.0.113.7", &[], Some("203.0.113.7"));
        check("203.0.113.7", &["198.51.100.1"], Some("203.0.113.7"));
        check("203.0.113.7", &["10.0.0.1", "garbage"], Some("203.0.113.7"));
        check("::ffff:203.0.113.7", &["198.51.100.1"], Some("203.0.113.7"));
    }

    #[test]
    fn a_trusted_proxy_says_who_called_it_and_a_caller_cannot_say_more() {
        check("10.0.0.1", &["203.0.113.7"], Some("203.0.113.7"));
        check("::ffff:10.0.0.1", &["203.0.113.7"], Some("203.0.113.7"));
        check("10.0.0.1", &["198.51.100.1, 203.0.113.7"], Some("203.0.113.7"));
        check("10.0.0.1", &["198.51.100.1", "203.0.113.7"], Some("203.0.113.7"));
        check("10.0.0.1", &["203.0.113.7 ,10.9.9.9"], Some("203.0.113.7"));
        check("10.0.0.1", &["203.0.113.7", "2001:db8::1, 10.9.9.9"], Some("203.0.113.7"));
        check("10.0.0.1", &["garbage, 203.0.113.7"], Some("203.0.113.7"));
        check("10.0.0.1", &["203.0.113.7:4711"], Some("203.0.113.7"));
        check("10.0.0.1", &["[2001:db9::7]:4711"], Some("2001:db9::7"));
        check("10.0.0.1", &["[2001:db9::7]"], Some("2001:db9::7"));
        check("2001:db8::1", &["::ffff:203.0.113.7"], Some("203.0.113.7"));
    }

    #[test]
    fn where_only_proxies_are_seen_the_farthest_called() {
        check("10.0.0.1", &[], Some("10.0.0.1"));
        check("10.0.0.1", &["10.0.0.3, 10.0.0.2"], Some("10.0.0.3"));
    }

    #[test]
    fn what_a_trusted_proxy_did_not_say_is_not_known() {
        check("10.0.0.1", &["garbage"], None);
        check("10.0.0.1", &[""], None);
        check("10.0.0.1", &["203.0.113.7, unknown"], None);
        check("10.0.0.1", &["203.0.113.7, "], None);
        check("a socket without an address", &["203.0.113.7"], None);
    }
}
