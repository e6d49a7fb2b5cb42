use std::fmt;
use std::str::FromStr;

use base::Fault;

/// Where the consumer's page is reached from outside: `https://host` or `http://host:port`, and nothing behind it.
///
/// It is printed on every label, so a batch keeps the one that it was minted with.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Address(String);

/// So that the address and a token fit a symbol that is easy to print and to scan.
const LENGTH_MAX: usize = 100;

impl Address {
    /// The address of a token's page without the token: `https://host/v/`.
    #[must_use]
    pub fn page(&self) -> String {
        format!("{}/v/", self.0)
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Address {
    type Err = Fault;

    fn from_str(text: &str) -> Result<Self, Fault> {
        let wrong = || {
            Fault::invalid(
                "public_url",
                "must be like https://codes.example.com: a scheme, a host of letters, digits, dots and dashes, perhaps a \
                 port, and nothing behind it",
            )
        };
        let text = text.strip_suffix('/').unwrap_or(text);
        let host =
            text.strip_prefix("https://").or_else(|| text.strip_prefix("http://")).ok_or_else(wrong)?;
        let (name, port) = host.split_once(':').map_or((host, None), |(name, port)| (name, Some(port)));
        let is_name = !name.is_empty()
            && name
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b".-".contains(&byte));
        let is_port = port.is_none_or(|port| port.parse::<u16>().is_ok_and(|port| port > 0));
        if is_name && is_port && text.len() <= LENGTH_MAX { Ok(Self(text.to_owned())) } else { Err(wrong()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_a_scheme_and_a_host_that_a_symbol_can_hold() {
        for (text, page) in [
            ("https://codes.example.com", "https://codes.example.com/v/"),
            ("https://codes.example.com/", "https://codes.example.com/v/"),
            ("http://localhost:8080", "http://localhost:8080/v/"),
            ("http://127.0.0.1:8080", "http://127.0.0.1:8080/v/"),
        ] {
            assert_eq!(text.parse::<Address>().unwrap().page(), page);
        }
        let long = format!("https://{}.com", "x".repeat(100));
        for text in [
            "",
            "codes.example.com",
            "https://",
            "https://codes.example.com/path",
            "https://codes.example.com?x",
            "https://user@example.com",
            "https://Codes.example.com",
            "https://example.com:0",
            "https://example.com:99999",
            "https://exämple.com",
            "ftp://example.com",
            &long,
        ] {
            assert!(text.parse::<Address>().is_err(), "{text}");
        }
    }
}
