//! Who scans, as little of it as the rules need: a hash of the day, a coarse place, a kind of device. The address itself
//! is never kept.

use std::collections::{HashMap, HashSet};
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

use base::Timestamp;
use http::{HeaderMap, HeaderName, header};
use kernel::Secrets;
use web::RequestMeta;

use super::PlaceHeaders;
use super::command::scan::seconds;
use super::country::Country;
use super::model::CodeNumber;
use super::risk::{Device, Place, Scan};

/// Who looks at more different codes in an hour reads them for a living, and says nothing about any of them.
const CODES_AN_HOUR_MAX: usize = 50;
/// Visitors that are watched at a time; beyond it the hour begins anew.
const VISITORS_MAX: usize = 50_000;
const HOUR_SECONDS: u32 = 3600;

/// The scan of whoever sent a request.
pub(super) fn scan_of(
    secrets: &Secrets,
    places: &PlaceHeaders,
    meta: &RequestMeta,
    headers: &HeaderMap,
    now: Timestamp,
) -> Scan {
    let agent = headers.get(header::USER_AGENT).and_then(|agent| agent.to_str().ok()).unwrap_or_default();
    let visitor = visitor(secrets, meta.client, agent, now);
    // What a proxy that is not trusted says, its caller may have made up.
    let is_told = is_told_by_proxy(meta.peer, meta.client);
    let place = if is_told { place(places, headers) } else { Place::default() };
    Scan { at_s: seconds(now), visitor, place, device: device(agent) }
}

/// Who it was, for a day: those who share a network and a browser are one.
pub(super) fn visitor(secrets: &Secrets, client: Option<IpAddr>, agent: &str, now: Timestamp) -> u32 {
    let net = client.map(network).unwrap_or_default();
    let day = now.start_of_day().micros();
    let mac = secrets.subject_mac("codes.visitor", &format!("{day} {net} {agent}"));
    let (first, _) = mac.split_first_chunk::<4>().expect("a MAC has 32 bytes");
    u32::from_be_bytes(*first)
}

/// Whether a trusted proxy stands between: then the caller is somebody else than the other end of the connection, which
/// a listener for both protocols may write in either of its forms.
fn is_told_by_proxy(peer: Option<IpAddr>, client: Option<IpAddr>) -> bool {
    peer.is_some_and(|peer| client != Some(peer.to_canonical()))
}

/// The network that neighbours share: /24 of IPv4, /48 of IPv6.
fn network(address: IpAddr) -> String {
    match address {
        IpAddr::V4(address) => {
            let [a, b, c, _] = address.octets();
            format!("{a}.{b}.{c}")
        }
        IpAddr::V6(address) => {
            let [a, b, c, ..] = address.segments();
            format!("{a:x}:{b:x}:{c:x}")
        }
    }
}

/// The place that a trusted proxy names.
pub(super) fn place(places: &PlaceHeaders, headers: &HeaderMap) -> Place {
    let text = |name: &Option<HeaderName>| headers.get(name.as_ref()?)?.to_str().ok();
    let degrees = |name, limit: f64| {
        let degrees: f64 = text(name)?.trim().parse().ok()?;
        (degrees.abs() < limit).then(|| degrees.floor())
    };
    let cell = degrees(&places.latitude, 90.0).zip(degrees(&places.longitude, 180.0));
    Place { country: text(&places.country).and_then(Country::parse), cell: cell.map(whole) }
}

#[expect(clippy::cast_possible_truncation, reason = "degrees are whole, and checked to be in their range")]
fn whole((latitude, longitude): (f64, f64)) -> (i8, i16) {
    (latitude as i8, longitude as i16)
}

pub(super) fn device(agent: &str) -> Device {
    let has = |word: &str| agent.contains(word);
    if agent.is_empty() {
        Device::Other
    } else if has("iPad") || has("Tablet") || (has("Android") && !has("Mobile")) {
        Device::Tablet
    } else if has("Mobi") || has("iPhone") {
        Device::Phone
    } else if has("Windows") || has("Macintosh") || has("X11") {
        Device::Desktop
    } else {
        Device::Other
    }
}

/// The visitors of this hour and the codes that each looked at. Of this process alone.
#[derive(Default)]
pub(super) struct Crawlers(Mutex<Hour>);

#[derive(Default)]
struct Hour {
    number: u32,
    codes: HashMap<u32, HashSet<CodeNumber>>,
}

impl Crawlers {
    /// Notes who looks at a code, and says whether it is one too many.
    pub(super) fn note(&self, scan: &Scan, code: CodeNumber) -> bool {
        let mut hour = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let number = scan.at_s / HOUR_SECONDS;
        if hour.number != number || hour.codes.len() >= VISITORS_MAX {
            *hour = Hour { number, codes: HashMap::new() };
        }
        let codes = hour.codes.entry(scan.visitor).or_default();
        if codes.len() < CODES_AN_HOUR_MAX {
            codes.insert(code);
            return false;
        }
        !codes.contains(&code)
    }
}

#[cfg(test)]
mod tests {
    use base::Environment;

    use super::*;

    #[test]
    fn who_looks_at_many_codes_in_an_hour_is_a_crawler_until_the_next() {
        let crawlers = Crawlers::default();
        let scan = |at_s| Scan { at_s, visitor: 1, place: Place::default(), device: Device::Other };
        let code = |ordinal| CodeNumber::new(Environment::Live, ordinal);
        for ordinal in 0..50 {
            assert!(!crawlers.note(&scan(0), code(ordinal)), "{ordinal}");
        }
        assert!(crawlers.note(&scan(10), code(50)));
        assert!(!crawlers.note(&scan(10), code(3)), "one that was looked at before");
        assert!(!crawlers.note(&Scan { visitor: 2, ..scan(10) }, code(50)));
        assert!(!crawlers.note(&scan(3600), code(50)));
    }

    #[test]
    fn devices_are_told_by_what_they_say() {
        for (agent, expected) in [
            ("Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Mobile/15E148", Device::Phone),
            ("Mozilla/5.0 (Linux; Android 14; Pixel 8) Mobile Safari/537.36", Device::Phone),
            ("Mozilla/5.0 (Linux; Android 14; SM-X200) Safari/537.36", Device::Tablet),
            ("Mozilla/5.0 (X11; Linux x86_64) Firefox/140.0", Device::Desktop),
            ("curl/8.0", Device::Other),
            ("", Device::Other),
        ] {
            assert_eq!(device(agent), expected, "{agent}");
        }
    }

    #[test]
    fn a_caller_without_a_proxy_is_not_believed_in_either_form_of_its_address() {
        let address = |text: &str| text.parse::<IpAddr>().ok();
        assert!(!is_told_by_proxy(address("203.0.113.7"), address("203.0.113.7")));
        assert!(!is_told_by_proxy(address("::ffff:203.0.113.7"), address("203.0.113.7")));
        assert!(!is_told_by_proxy(None, None));
        assert!(is_told_by_proxy(address("10.0.0.1"), address("203.0.113.7")));
        assert!(is_told_by_proxy(address("10.0.0.1"), None));
    }

    #[test]
    fn neighbours_share_a_network() {
        for (address, expected) in [("203.0.113.7", "203.0.113"), ("2001:db8:1:2::3", "2001:db8:1")] {
            assert_eq!(network(address.parse().unwrap()), expected);
        }
    }
}
