//! The egress guard: which hosts and addresses an adapter may reach. It refuses; it never rewrites, and it connects to nothing.
//!
//! Three checks: the base URL names a declared host in its plain spelling; an address literal is public; and whatever a name
//! resolves to is public at the moment of connecting, so that a name cannot be turned inward between check and use.
//! Loopback is reachable only where the base URL spells it out. Whoever connects parses the URL, and asks here.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// What an adapter's parser made of a base URL.
#[derive(Debug, Clone, Copy)]
pub struct Parsed<'a> {
    /// `https`.
    pub scheme: &'a str,
    /// The host, as the parser spells it.
    pub host: &'a str,
    /// Whether there is a user name or a password.
    pub has_user: bool,
    /// Whether there is a query or a fragment.
    pub has_query: bool,
}

/// Checks a base URL against the declared hosts (`*.shop.example` declares all below that); any host will do where none is declared.
///
/// # Errors
/// Why it may not be reached, for people.
pub fn check(text: &str, url: Parsed<'_>, hosts: &[String]) -> Result<(), String> {
    if !matches!(url.scheme, "http" | "https") {
        return Err(format!("the base URL has the scheme `{}`; only http and https can be reached", url.scheme));
    }
    if url.has_user || authority(text).contains('@') {
        return Err("the base URL holds a user name or a password".to_owned());
    }
    if url.has_query {
        return Err("the base URL holds a query or a fragment".to_owned());
    }
    if !hosts.is_empty() && !hosts.iter().any(|declared| covers(declared, url.host)) {
        return Err(format!("`{}` is not among the connector's declared hosts", url.host));
    }
    if let Some(address) = literal(url.host) {
        // `0x7f.1`, `2130706433` or `127.0.0.1.` mean an address without looking like it; a person who reads the file must see it.
        if !written_plainly(text, url.host) {
            return Err(format!("the base URL means {address} without spelling it so"));
        }
        if !address.is_loopback() && !is_public(address) {
            return Err(refusal(address));
        }
    }
    Ok(())
}

/// Whether a declared host means this one: `*.shop.example` means every host below `shop.example`.
fn covers(declared: &str, host: &str) -> bool {
    let Some(above) = declared.strip_prefix('*').filter(|above| above.starts_with('.') && above.len() > 1) else {
        return declared.eq_ignore_ascii_case(host);
    };
    let start = host.len().checked_sub(above.len()).filter(|start| *start > 0);
    start.is_some_and(|start| host.get(start..).is_some_and(|end| end.eq_ignore_ascii_case(above)))
}

/// Whether a host is this machine, in so many words.
#[must_use]
pub fn is_loopback(host: &str) -> bool {
    host == "localhost" || literal(host).is_some_and(|address| address.is_loopback())
}

fn authority(text: &str) -> &str {
    let rest = text.split_once("://").map_or(text, |(_, rest)| rest);
    rest.split(['/', '\\', '?', '#']).next().unwrap_or(rest)
}

fn written_plainly(text: &str, host: &str) -> bool {
    let rest = authority(text).strip_prefix(host);
    rest.is_some_and(|port| port.is_empty() || port.strip_prefix(':').is_some_and(|port| port.bytes().all(|byte| byte.is_ascii_digit())))
}

fn literal(host: &str) -> Option<IpAddr> {
    host.strip_prefix('[').and_then(|inner| inner.strip_suffix(']')).unwrap_or(host).parse().ok()
}

fn refusal(address: IpAddr) -> String {
    format!("{address} is not a public address")
}

/// Whether an address is one of the open Internet (IANA special-purpose registries; cloud metadata addresses).
#[must_use]
pub fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let refused = match address.octets() {
        [0 | 10 | 127 | 224..=255, ..] => true,       // this network, private, loopback, multicast, reserved
        [100, 64..=127, ..] => true,                  // carrier-grade NAT; 100.100.100.200 is a metadata address
        [169, 254, ..] => true,                       // link-local; 169.254.169.254 is the metadata address
        [172, 16..=31, ..] | [192, 168, ..] => true,  // private
        [192, 0, 0 | 2, _] => true,                   // protocol assignments, documentation
        [192, 88, 99, _] => true,                     // 6to4 relays
        [198, 18 | 19, ..] => true,                   // benchmarks
        [198, 51, 100, _] | [203, 0, 113, _] => true, // documentation
        [168, 63, 129, 16] => true,                   // a cloud's host agent, reachable from every machine in it
        _ => false,
    };
    !refused
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    let segments = address.segments();
    let refused = match segments {
        // Only 2000::/3 is handed out: this refuses ::1, ::, mapped and compatible IPv4, NAT64, ULA, link-local, multicast.
        [first, ..] if !(0x2000..0x4000).contains(&first) => true,
        [0x2001, 0x0000..=0x01ff, ..] => true, // protocol assignments, Teredo, ORCHID
        [0x2001, 0x0db8, ..] => true,          // documentation
        [0x2002, ..] => true,                  // 6to4: carries any IPv4 address
        [0x3fff, 0x0000..=0x0fff, ..] => true, // documentation
        _ => false,
    };
    !refused
}

/// A name that leads somewhere it may not.
#[derive(Debug)]
pub struct NotPublic(IpAddr);

impl fmt::Display for NotPublic {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&refusal(self.0))
    }
}

impl std::error::Error for NotPublic {}

/// Whether a name may lead to these addresses.
///
/// # Errors
/// The first address that it may not lead to.
pub fn admit(name: &str, addresses: impl Iterator<Item = IpAddr>) -> Result<(), NotPublic> {
    for address in addresses {
        // The base URL check has seen to it that `localhost` stands there in so many words.
        let own = name == "localhost" && address.is_loopback();
        if !own && !is_public(address) {
            return Err(NotPublic(address));
        }
    }
    Ok(())
}
