//! The network interfaces.

use std::collections::BTreeMap;
use std::fs;
use std::net::IpAddr;

use chatmesh_proto::agent::v1 as pb;
use nix::ifaddrs::{InterfaceAddress, getifaddrs};
use nix::net::if_::InterfaceFlags;

use super::bounded;

/// The most interfaces.
const MAX_INTERFACES: usize = 64;
/// The most addresses of one.
const MAX_ADDRESSES: usize = 16;

/// Lists the network interfaces by name. Blocks.
pub(super) fn interfaces() -> Vec<pb::NetworkInterface> {
    let mut interfaces: BTreeMap<String, pb::NetworkInterface> = BTreeMap::new();
    for entry in getifaddrs().into_iter().flatten() {
        let address = address(&entry);
        let interface = interfaces.entry(entry.interface_name).or_insert_with_key(|name| pb::NetworkInterface {
            name: bounded(name),
            addresses: Vec::new(),
            mtu: mtu(name),
            is_up: entry.flags.contains(InterfaceFlags::IFF_UP),
            is_loopback: entry.flags.contains(InterfaceFlags::IFF_LOOPBACK),
        });
        if interface.addresses.len() < MAX_ADDRESSES {
            interface.addresses.extend(address.map(|address| address.to_string()));
        }
    }
    interfaces.into_values().take(MAX_INTERFACES).collect()
}

fn address(entry: &InterfaceAddress) -> Option<IpAddr> {
    let address = entry.address.as_ref()?;
    let v4 = address.as_sockaddr_in().map(|address| address.ip().into());
    v4.or_else(|| address.as_sockaddr_in6().map(|address| address.ip().into()))
}

fn mtu(name: &str) -> Option<u32> {
    // Names of interfaces have no slash, but this is a path.
    let is_name = !name.contains('/') && !name.starts_with('.');
    is_name.then(|| fs::read_to_string(format!("/sys/class/net/{name}/mtu")).ok())??.trim().parse().ok()
}
