//! Where requests to the outside may go, as far as the text of an address tells.
//!
//! Whoever takes an address judges it here; the guarded client judges it again, and what it resolves to.

mod address;

use std::net::IpAddr;

use http::Uri;

pub use address::is_public;

pub const ADDRESS_LENGTH_MAX: usize = 2048;
const PORTS: [u16; 2] = [443, 8443];

/// What is said of an address that leads inside.
pub const PRIVATE_NETWORK: &str = "it must not lead into a private network";

/// Where requests may go.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Network {
    /// The public internet, by https.
    Public,
    /// Private networks too, and plain http: for addresses that the operator chose, and in development.
    Private,
}

/// Whether an address may be asked, as far as its text tells.
///
/// # Errors
/// Why not, for whoever chose it.
pub fn permit(network: Network, uri: &Uri) -> Result<(), &'static str> {
    let authority = uri.authority().ok_or("it must be a whole address like https://example.com/path")?;
    if uri.to_string().len() > ADDRESS_LENGTH_MAX {
        return Err("it must have at most 2048 characters");
    }
    if authority.as_str().contains('@') {
        return Err("it must not hold a user or password");
    }
    if authority.as_str().len() > authority.host().len() && authority.port_u16().is_none() {
        return Err("its port must be a number up to 65535");
    }
    let literal = literal(authority.host());
    if literal.is_none() && authority.host().starts_with('[') {
        return Err("what stands in brackets must be an IPv6 address");
    }
    match (uri.scheme_str(), network) {
        (Some("https"), _) | (Some("http"), Network::Private) => {}
        _ => return Err("it must begin with https://"),
    }
    if network == Network::Private {
        return Ok(());
    }
    if !PORTS.contains(&port(uri)) {
        return Err("its port must be 443 or 8443");
    }
    match literal {
        Some(ip) if !is_public(ip) => Err(PRIVATE_NETWORK),
        Some(_) => Ok(()),
        None => permit_name(authority.host()),
    }
}

/// Names that mean this machine, and the other ways to write an IPv4 address, which some resolvers understand.
fn permit_name(host: &str) -> Result<(), &'static str> {
    let host = host.strip_suffix('.').unwrap_or(host);
    let last = host.rsplit('.').next().unwrap_or_default();
    if last.eq_ignore_ascii_case("localhost") {
        return Err(PRIVATE_NETWORK);
    }
    // As the URL standard has it (§3.5, "ends in a number").
    let is_hexadecimal = last.get(..2).is_some_and(|start| start.eq_ignore_ascii_case("0x"));
    if last.is_empty() || last.bytes().all(|byte| byte.is_ascii_digit()) || is_hexadecimal {
        return Err("its host must be a name, or an address like 203.0.113.7");
    }
    Ok(())
}

/// The address that a host is itself, in or without brackets.
fn literal(host: &str) -> Option<IpAddr> {
    host.trim_start_matches('[').trim_end_matches(']').parse().ok()
}

/// The port of an address, which is its scheme's unless it says so.
#[must_use]
pub fn port(uri: &Uri) -> u16 {
    uri.port_u16().unwrap_or(if uri.scheme_str() == Some("http") { 80 } else { 443 })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_that_some_resolver_reads_as_a_number_is_no_name() {
        for host in [
            "127.1",
            "2130706433",
            "0x7f000001",
            "0X7F.1",
            "0177.0.0.1",
            "0",
            "127.0.0.1.",
            "a.0x1",
            "a.7",
            "a..",
            "localhost",
            "LOCALHOST.",
            "app.localhost",
        ] {
            let uri: Uri = format!("https://{host}/hook").parse().unwrap();
            assert!(permit(Network::Public, &uri).is_err(), "{host}");
        }
        for host in ["example.com", "example.com.", "0x.example", "7.example", "1.1.1.1", "localhost.example"]
        {
            let uri: Uri = format!("https://{host}/hook").parse().unwrap();
            assert_eq!(permit(Network::Public, &uri), Ok(()), "{host}");
        }
    }
}
