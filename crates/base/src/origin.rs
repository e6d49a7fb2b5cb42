//! Web origins (RFC 6454), and the rules by which a publishable key names those that it may be used from.

use std::fmt;
use std::net::Ipv6Addr;
use std::str::FromStr;

/// The longest name of the domain name system, with room for scheme and port.
const LENGTH_MAX: usize = 300;

/// Scheme, host and port of a page.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Origin {
    is_https: bool,
    /// Lower case; IPv6 in brackets.
    host: String,
    port: u16,
}

/// One entry of a key's list of origins.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct OriginRule(Rule);

#[derive(Clone, PartialEq, Eq, Debug)]
enum Rule {
    /// `no-origin`: callers that are no browser and send none.
    NoOrigin,
    /// `https://app.example.com`
    Exact(Origin),
    /// `https://*.example.com`: any depth below the name, and not the name itself.
    Below(Origin),
    /// `localhost` or `127.0.0.1`: with any scheme and port.
    Loopback(&'static str),
}

/// The text is no rule for origins.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct NotAnOrigin;

impl OriginRule {
    /// Whether a request with this `Origin` header, or with none, may pass.
    #[must_use]
    pub fn allows(&self, sent: Option<&str>) -> bool {
        let Some(text) = sent else { return self.0 == Rule::NoOrigin };
        let Some(origin) = Origin::parse(text) else { return false };
        match &self.0 {
            Rule::NoOrigin => false,
            Rule::Exact(allowed) => origin == *allowed,
            Rule::Loopback(host) => origin.host == *host,
            Rule::Below(parent) => {
                let below =
                    origin.host.strip_suffix(&parent.host).and_then(|labels| labels.strip_suffix('.'));
                origin.is_https
                    && origin.port == parent.port
                    && below.is_some_and(|labels| !labels.is_empty())
            }
        }
    }
}

impl FromStr for OriginRule {
    type Err = NotAnOrigin;

    fn from_str(text: &str) -> Result<Self, NotAnOrigin> {
        let rule = match text {
            "no-origin" => Some(Rule::NoOrigin),
            "localhost" => Some(Rule::Loopback("localhost")),
            "127.0.0.1" => Some(Rule::Loopback("127.0.0.1")),
            _ => match text.strip_prefix("*.").or_else(|| text.strip_prefix("https://*.")) {
                Some(rest) => {
                    Origin::parse(&format!("https://{rest}")).filter(Origin::is_domain).map(Rule::Below)
                }
                None => Origin::parse(text).map(Rule::Exact),
            },
        };
        rule.map(Self).ok_or(NotAnOrigin)
    }
}

impl Origin {
    fn parse(text: &str) -> Option<Self> {
        if text.len() > LENGTH_MAX {
            return None;
        }
        let text = text.to_ascii_lowercase();
        let (scheme, authority) = text.split_once("://")?;
        let is_https = match scheme {
            "https" => true,
            "http" => false,
            _ => return None,
        };
        let (host, port) = match authority.rsplit_once(':') {
            // The colons of IPv6 stand within brackets.
            Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
            _ => (authority, None),
        };
        let port = match port {
            None if is_https => 443,
            None => 80,
            Some(digits) => {
                digits.parse().ok().filter(|port: &u16| *port > 0 && port.to_string() == digits)?
            }
        };
        is_host(host).then(|| Self { is_https, host: host.to_owned(), port })
    }

    /// A name of several labels that is no address: what may have names below it.
    fn is_domain(&self) -> bool {
        let last = self.host.rsplit('.').next().unwrap_or_default();
        self.host.contains('.') && !last.bytes().all(|byte| byte.is_ascii_digit())
    }
}

fn is_host(host: &str) -> bool {
    if let Some(address) = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        return address.parse::<Ipv6Addr>().is_ok_and(|parsed| parsed.to_string() == address);
    }
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    host.len() <= 253 && host.split('.').all(is_label)
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.is_https { "https" } else { "http" };
        write!(f, "{scheme}://{}", Authority(self))
    }
}

/// Host and port, without the port that its scheme has anyway.
struct Authority<'a>(&'a Origin);

impl fmt::Display for Authority<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Origin { is_https, host, port } = self.0;
        match (is_https, port) {
            (true, 443) | (false, 80) => f.write_str(host),
            (_, port) => write!(f, "{host}:{port}"),
        }
    }
}

impl fmt::Display for OriginRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Rule::NoOrigin => f.write_str("no-origin"),
            Rule::Exact(origin) => origin.fmt(f),
            Rule::Below(parent) => write!(f, "https://*.{}", Authority(parent)),
            Rule::Loopback(host) => f.write_str(host),
        }
    }
}

impl fmt::Display for NotAnOrigin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "must be an origin like https://app.example.com or http://localhost:3000 (scheme, host and port, no path), \
             names below one like https://*.example.com, localhost, 127.0.0.1, or no-origin",
        )
    }
}

impl std::error::Error for NotAnOrigin {}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(text: &str) -> OriginRule {
        text.parse().unwrap_or_else(|why| panic!("{text}: {why}"))
    }

    #[test]
    fn a_rule_allows_its_origins_and_no_others() {
        for (text, allowed, refused) in [
            (
                "https://app.example.com",
                vec!["https://app.example.com", "HTTPS://App.Example.COM", "https://app.example.com:443"],
                vec![
                    "http://app.example.com",
                    "https://app.example.com:8443",
                    "https://example.com",
                    "https://app.example.com.evil.com",
                    "https://app.example.com/",
                    "https://app.example.com@evil.com",
                    "https://evil.com#https://app.example.com",
                    "https://app.example.com.",
                    "null",
                    "",
                    "*",
                ],
            ),
            (
                "http://localhost:3000",
                vec!["http://localhost:3000"],
                vec!["http://localhost", "https://localhost:3000", "http://127.0.0.1:3000"],
            ),
            (
                "https://*.example.com",
                vec!["https://a.example.com", "https://a.b.example.com"],
                vec![
                    "https://example.com",
                    "http://a.example.com",
                    "https://aexample.com",
                    "https://.example.com",
                    "https://a.example.com:8443",
                    "https://a.example.com.evil.com",
                    "https://*.example.com",
                ],
            ),
            ("https://*.example.com:8443", vec!["https://a.example.com:8443"], vec!["https://a.example.com"]),
            (
                "localhost",
                vec!["http://localhost", "http://localhost:5173", "https://localhost"],
                vec!["http://127.0.0.1", "http://localhost.evil.com", "http://a.localhost"],
            ),
            ("127.0.0.1", vec!["http://127.0.0.1:3000"], vec!["http://localhost:3000", "http://127.0.0.2"]),
            ("http://[::1]:3000", vec!["http://[::1]:3000"], vec!["http://[::1]", "http://[::2]:3000"]),
        ] {
            let rule = rule(text);
            for origin in allowed {
                assert!(rule.allows(Some(origin)), "{text} allows {origin}");
            }
            for origin in refused {
                assert!(!rule.allows(Some(origin)), "{text} refuses {origin}");
            }
            assert!(!rule.allows(None), "{text} wants an origin");
        }
        assert!(rule("no-origin").allows(None) && !rule("no-origin").allows(Some("https://a.com")));
    }

    #[test]
    fn a_rule_is_kept_in_one_form() {
        for (text, shown) in [
            ("HTTPS://App.Example.COM:443", "https://app.example.com"),
            ("http://a.com:80", "http://a.com"),
            ("http://a.com:8080", "http://a.com:8080"),
            ("*.example.com", "https://*.example.com"),
            ("https://*.Example.com:8443", "https://*.example.com:8443"),
            ("localhost", "localhost"),
            ("no-origin", "no-origin"),
            ("https://[2001:db8::1]", "https://[2001:db8::1]"),
        ] {
            assert_eq!(rule(text).to_string(), shown);
            assert_eq!(rule(shown), rule(text));
        }
    }

    #[test]
    fn what_is_no_rule_is_refused() {
        let long = format!("https://{}.com", "a.".repeat(200));
        for text in [
            "",
            "*",
            "null",
            "example.com",
            "https://",
            "https://a b.com",
            "https://a.com/",
            "https://a.com/x",
            "https://a.com?x",
            "https://a.com#x",
            "https://user@a.com",
            "ftp://a.com",
            "https://a.com:",
            "https://a.com:0",
            "https://a.com:65536",
            "https://a.com:080",
            "https://-a.com",
            "https://a-.com",
            "https://a..com",
            "https://a.com.",
            "http://*.example.com",
            "https://*.com",
            "*.com",
            "*.",
            "*.127.0.0.1",
            "https://*.*.com",
            "https://a.*.com",
            "https://[::1",
            "https://[::1]x",
            "https://[0:0::1]",
            "https://caf\u{e9}.com",
            "https://a_b.com",
            " https://a.com",
            "no-origin ",
            &long,
        ] {
            assert_eq!(text.parse::<OriginRule>(), Err(NotAnOrigin), "{text}");
        }
    }
}
