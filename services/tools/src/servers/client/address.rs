//! Where the mesh goes for others, and where it does not: an administrator of the mesh is not one of the machine that
//! it runs on, and a name may lead anywhere.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use reqwest::dns::{Addrs, Name, Resolve, Resolving};

/// Hands out the credentials of the machine, or configures it: link-local addresses do, and these.
const METADATA: [IpAddr; 4] = [
    IpAddr::V4(Ipv4Addr::new(168, 63, 129, 16)),
    IpAddr::V4(Ipv4Addr::new(100, 100, 100, 200)),
    IpAddr::V4(Ipv4Addr::new(192, 0, 0, 192)),
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0x0ec2, 0, 0, 0, 0, 0, 0x0254)),
];

/// An address that is not reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(in crate::servers) enum Refused {
    /// Whatever the configuration says.
    #[error("an address that no server has: link-local, of a cloud's metadata, translated, or none of one machine")]
    Always,
    /// Unless the configuration allows it.
    #[error(
        "a private or local address: that is refused unless the service's configuration sets \
         `tools.allow_private_addresses`"
    )]
    Private,
}

/// Which addresses are reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::servers) enum Addresses {
    /// Those of the Internet.
    Public,
    /// Those and the ones of this network.
    AlsoPrivate,
}

impl Addresses {
    /// Says whether an address is reached.
    pub(in crate::servers) fn check(self, ip: IpAddr) -> Result<(), Refused> {
        let meant = embedded(ip).map_or(ip, IpAddr::V4);
        match meant {
            _ if METADATA.contains(&meant) || meant.is_unspecified() || meant.is_multicast() => Err(Refused::Always),
            IpAddr::V4(ip) if ip.is_link_local() || ip.is_broadcast() => Err(Refused::Always),
            IpAddr::V6(ip) if ip.is_unicast_link_local() || is_translated_here(ip) => Err(Refused::Always),
            _ if is_near(meant) && self == Self::Public => Err(Refused::Private),
            _ => Ok(()),
        }
    }
}

/// True for what is on this machine or in its network, and for what is nowhere.
pub(super) fn is_near(ip: IpAddr) -> bool {
    match embedded(ip).map_or(ip, IpAddr::V4) {
        IpAddr::V4(ip) => is_private(ip),
        IpAddr::V6(ip) => ip.is_loopback() || ip.is_unique_local() || is_reserved(ip),
    }
}

fn is_private(ip: Ipv4Addr) -> bool {
    let [a, b, c, _] = ip.octets();
    ip.is_loopback()
        || ip.is_private()
        || ip.is_documentation()
        || a == 0
        || a >= 240
        || (a == 100 && (64..128).contains(&b))
        || (a == 192 && b == 0 && c == 0)
        || (a == 198 && (18..20).contains(&b))
}

/// Documentation, and what is left of site-local addresses.
fn is_reserved(ip: Ipv6Addr) -> bool {
    let [a, b, ..] = ip.segments();
    (a == 0x2001 && b == 0x0db8) || a & 0xffc0 == 0xfec0
}

/// Translated as each network likes (RFC 8215): nobody can say which address is meant.
fn is_translated_here(ip: Ipv6Addr) -> bool {
    let [a, b, c, ..] = ip.segments();
    [a, b, c] == [0x64, 0xff9b, 1]
}

/// The address that stands in another one: mapped, compatible, translated (SIIT), of NAT64, or of 6to4.
fn embedded(ip: IpAddr) -> Option<Ipv4Addr> {
    let IpAddr::V6(ip) = ip else { return None };
    let [a, b, c, d, e, f, g, h] = ip.segments();
    let of = |high: u16, low: u16| Some(Ipv4Addr::from((u32::from(high) << 16) | u32::from(low)));
    match [a, b, c, d, e, f] {
        [0, 0, 0, 0, 0, 0xffff] | [0, 0, 0, 0, 0xffff, 0] | [0x64, 0xff9b, 0, 0, 0, 0] => of(g, h),
        [0, 0, 0, 0, 0, 0] if g != 0 => of(g, h),
        [0x2002, high, low, ..] => of(high, low),
        _ => None,
    }
}

/// Looks a name up, and says what is in the way where none of its addresses is reached.
pub(super) async fn look_up(name: &str, addresses: Addresses) -> Result<Vec<SocketAddr>, String> {
    let found = tokio::net::lookup_host((name, 0)).await.map_err(|_| "its name leads nowhere".to_owned())?;
    let found: Vec<SocketAddr> = found.collect();
    let refused = found.iter().find_map(|address| addresses.check(address.ip()).err());
    let reached: Vec<SocketAddr> = found.into_iter().filter(|address| addresses.check(address.ip()).is_ok()).collect();
    match refused {
        Some(refused) if reached.is_empty() => Err(format!("its name leads to {refused}")),
        _ => Ok(reached),
    }
}

/// Looks names up, and leaves out addresses that are not reached: what was checked is what is connected.
#[derive(Debug, Clone, Copy)]
pub(super) struct Guarded(pub(super) Addresses);

impl Resolve for Guarded {
    fn resolve(&self, name: Name) -> Resolving {
        let Self(addresses) = *self;
        Box::pin(async move { Ok(Box::new(look_up(name.as_str(), addresses).await?.into_iter()) as Addrs) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(addresses: Addresses, ip: &str) -> Result<(), Refused> {
        addresses.check(ip.parse().expect("an address"))
    }

    #[test]
    fn addresses_of_the_internet_are_reached() {
        for ip in ["1.1.1.1", "8.8.8.8", "2606:4700::1111", "::ffff:8.8.8.8", "100.63.0.1", "172.32.0.1"] {
            assert_eq!(check(Addresses::Public, ip), Ok(()), "{ip}");
        }
    }

    #[test]
    fn private_addresses_are_reached_where_the_configuration_says_so() {
        for ip in [
            "127.0.0.1",
            "127.9.9.9",
            "10.0.0.1",
            "172.16.0.1",
            "192.168.1.1",
            "100.64.0.1",
            "0.1.2.3",
            "198.18.0.1",
            "::1",
            "fc00::1",
            "::ffff:10.0.0.1",
            "::ffff:0:10.0.0.1",
            "64:ff9b::10.0.0.1",
            "2002:0a00:0001::1",
        ] {
            assert_eq!(check(Addresses::Public, ip), Err(Refused::Private), "{ip}");
            assert_eq!(check(Addresses::AlsoPrivate, ip), Ok(()), "{ip}");
        }
    }

    #[test]
    fn what_hands_out_credentials_of_the_machine_is_never_reached() {
        for ip in [
            "169.254.169.254",
            "169.254.0.1",
            "fe80::1",
            "::ffff:169.254.169.254",
            "::ffff:0:169.254.169.254",
            "64:ff9b::169.254.169.254",
            "64:ff9b:1::169.254.169.254",
            "64:ff9b:1:a9fe:a9:fe00::",
            "2002:a9fe:a9fe::1",
            "fd00:ec2::254",
            "168.63.129.16",
            "100.100.100.200",
            "0.0.0.0",
            "::",
            "255.255.255.255",
            "224.0.0.1",
            "ff02::1",
        ] {
            assert_eq!(check(Addresses::AlsoPrivate, ip), Err(Refused::Always), "{ip}");
        }
    }

    #[test]
    fn clear_text_goes_no_further_than_this_network() {
        let near = |ip: &str| is_near(ip.parse().expect("an address"));
        for ip in ["127.0.0.1", "::1", "10.0.0.1", "::ffff:10.0.0.1", "fc00::1"] {
            assert!(near(ip), "{ip}");
        }
        for ip in ["8.8.8.8", "::ffff:8.8.8.8", "2606:4700::1111"] {
            assert!(!near(ip), "{ip}");
        }
    }

    #[tokio::test]
    async fn a_name_that_leads_to_this_machine_is_not_resolved() {
        let resolve = |addresses| Guarded(addresses).resolve("localhost".parse().expect("a name"));
        let refused = resolve(Addresses::Public).await.err().expect("refused").to_string();
        assert!(refused.contains("allow_private_addresses"), "{refused}");
        assert!(resolve(Addresses::AlsoPrivate).await.expect("found").count() > 0);
    }
}
