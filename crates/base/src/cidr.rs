//! Networks of addresses, as keys and proxies name them: `10.0.0.0/8`, `2001:db8::/32` (RFC 4632, RFC 4291 §2.3).

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

/// An IPv4 or IPv6 network. A single address is the network of it alone.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Cidr {
    network: IpAddr,
    prefix_bits: u8,
}

/// Why a text is not a network.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NotACidr {
    /// No address, or no number of bits that it has.
    Malformed,
    /// There are bits beyond the prefix; this is the network that they lie in.
    HostBits(Cidr),
    /// IPv4 within IPv6: addresses are compared as the IPv4 that they are.
    Mapped,
}

impl Cidr {
    /// Whether an address lies in this network. An IPv4 address within IPv6 counts as IPv4.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        address.is_ipv4() == self.network.is_ipv4() && masked(address, self.prefix_bits) == self.network
    }

    /// Whether every address of `other` lies in this network.
    #[must_use]
    pub fn covers(&self, other: &Self) -> bool {
        self.prefix_bits <= other.prefix_bits && self.contains(other.network)
    }
}

impl FromStr for Cidr {
    type Err = NotACidr;

    fn from_str(text: &str) -> Result<Self, NotACidr> {
        let (address, prefix) =
            text.split_once('/').map_or((text, None), |(address, bits)| (address, Some(bits)));
        let address: IpAddr = address.parse().map_err(|_| NotACidr::Malformed)?;
        if address.to_canonical() != address {
            return Err(NotACidr::Mapped);
        }
        let bits_max = if address.is_ipv4() { 32 } else { 128 };
        let prefix_bits = match prefix {
            None => bits_max,
            Some(text) => {
                let bits: u8 = text.parse().map_err(|_| NotACidr::Malformed)?;
                if bits > bits_max || bits.to_string() != text {
                    return Err(NotACidr::Malformed);
                }
                bits
            }
        };
        let found = Self { network: masked(address, prefix_bits), prefix_bits };
        if found.network == address { Ok(found) } else { Err(NotACidr::HostBits(found)) }
    }
}

/// The address with the bits beyond the prefix cleared.
fn masked(address: IpAddr, prefix_bits: u8) -> IpAddr {
    match address {
        IpAddr::V4(address) => {
            let mask = u32::MAX.checked_shl(32 - u32::from(prefix_bits.min(32))).unwrap_or(0);
            IpAddr::V4((u32::from(address) & mask).into())
        }
        IpAddr::V6(address) => {
            let mask = u128::MAX.checked_shl(128 - u32::from(prefix_bits.min(128))).unwrap_or(0);
            IpAddr::V6((u128::from(address) & mask).into())
        }
    }
}

impl fmt::Display for Cidr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.network, self.prefix_bits)
    }
}

impl fmt::Display for NotACidr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed => {
                f.write_str("must be an address or a network like 203.0.113.7, 10.0.0.0/8 or 2001:db8::/32")
            }
            Self::HostBits(network) => write!(f, "has bits beyond its prefix: the network is {network}"),
            Self::Mapped => f.write_str("is IPv4 within IPv6: write it as IPv4"),
        }
    }
}

impl std::error::Error for NotACidr {}

impl serde::Serialize for Cidr {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> serde::Deserialize<'de> for Cidr {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn cidr(text: &str) -> Cidr {
        text.parse().unwrap_or_else(|why| panic!("{text}: {why}"))
    }

    #[test]
    fn a_network_has_the_addresses_of_its_prefix() {
        for (network, inside, outside) in [
            ("10.0.0.0/8", "10.255.255.255", "11.0.0.0"),
            ("10.0.0.0/8", "::ffff:10.1.2.3", "::10.1.2.3"),
            ("203.0.113.7", "203.0.113.7", "203.0.113.6"),
            ("0.0.0.0/0", "255.255.255.255", "::1"),
            ("::/0", "2001:db8::1", "1.2.3.4"),
            ("2001:db8::/32", "2001:db8:ffff::", "2001:db9::"),
            ("::1/128", "::1", "::2"),
            ("192.168.1.128/25", "192.168.1.128", "192.168.1.127"),
        ] {
            assert!(cidr(network).contains(inside.parse().unwrap()), "{inside} in {network}");
            assert!(!cidr(network).contains(outside.parse().unwrap()), "{outside} not in {network}");
        }
    }

    #[test]
    fn a_network_covers_its_parts() {
        assert!(cidr("10.0.0.0/8").covers(&cidr("10.1.0.0/16")));
        assert!(cidr("10.0.0.0/8").covers(&cidr("10.0.0.0/8")));
        assert!(!cidr("10.1.0.0/16").covers(&cidr("10.0.0.0/8")));
        assert!(!cidr("0.0.0.0/0").covers(&cidr("::1")));
    }

    #[test]
    fn what_is_no_network_is_refused_and_told_why() {
        for text in [
            "",
            "/",
            "10.0.0.0/",
            "10.0.0.0/33",
            "10.0.0.0/+8",
            "10.0.0.0/08",
            "10.0.0/8",
            "::/129",
            "x",
            "10.0.0.0/8/8",
            " 10.0.0.0/8",
            "010.0.0.0/8",
            "[::1]",
            "10.0.0.0/-1",
            "fe80::1%eth0",
        ] {
            assert_eq!(text.parse::<Cidr>(), Err(NotACidr::Malformed), "{text}");
        }
        assert_eq!("10.1.2.3/8".parse::<Cidr>(), Err(NotACidr::HostBits(cidr("10.0.0.0/8"))));
        assert_eq!("2001:db8::1/32".parse::<Cidr>(), Err(NotACidr::HostBits(cidr("2001:db8::/32"))));
        assert_eq!("::ffff:10.0.0.0/104".parse::<Cidr>(), Err(NotACidr::Mapped));
    }

    proptest! {
        #[test]
        fn a_network_is_shown_as_it_is_read(bits: u128, is_v4: bool, prefix_bits in 0_u8..=128) {
            let address = if is_v4 { IpAddr::V4(((bits >> 96) as u32).into()) } else { IpAddr::V6(bits.into()) };
            prop_assume!(address.to_canonical() == address);
            let prefix_bits = if is_v4 { prefix_bits.min(32) } else { prefix_bits };
            let network = Cidr { network: masked(address, prefix_bits), prefix_bits };
            // Clearing bits may leave IPv4 within IPv6, which has no network of its own.
            prop_assume!(network.network.to_canonical() == network.network);
            prop_assert_eq!(network.to_string().parse(), Ok(network));
            prop_assert!(network.contains(address) && network.covers(&network));
        }
    }
}
