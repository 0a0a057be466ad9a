//! Which ports there are.

use std::collections::BTreeMap;
use std::io::{self, ErrorKind};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use chatmesh_proto::agent::v1 as pb;

use super::owners::{Owner, owners};

/// The lowest port that is listed; those below are of no program that a user started.
const MIN_PORT: u16 = 9;
/// The most ports in an answer.
const MAX_PORTS: usize = 256;
/// The most addresses of a port.
const MAX_ADDRESSES: usize = 16;
/// How the system's tables name the state of a socket that listens.
const LISTENING: &str = "0A";

/// A socket that listens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Listener {
    address: IpAddr,
    port: u16,
    inode: u64,
}

/// Lists the ports at which programs listen. Blocks.
///
/// # Errors
/// The system does not say.
pub(super) fn list() -> io::Result<pb::ListPortsResponse> {
    let mut listeners = table("/proc/net/tcp")?;
    match table("/proc/net/tcp6") {
        Ok(further) => listeners.extend(further),
        // A system without IPv6.
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    let mut ports: BTreeMap<u16, Vec<Listener>> = BTreeMap::new();
    for listener in listeners.into_iter().filter(|listener| listener.port >= MIN_PORT) {
        ports.entry(listener.port).or_default().push(listener);
    }
    let omitted = u32::try_from(ports.len().saturating_sub(MAX_PORTS)).unwrap_or(u32::MAX);
    let listed = || ports.iter().take(MAX_PORTS);
    let owners = owners(&listed().flat_map(|(_, listeners)| listeners).map(|listener| listener.inode).collect());
    let ports = listed().map(|(port, listeners)| {
        let owner = listeners.iter().find_map(|listener| owners.get(&listener.inode));
        to_proto(*port, listeners, owner)
    });
    Ok(pb::ListPortsResponse { ports: ports.collect(), omitted })
}

fn to_proto(port: u16, listeners: &[Listener], owner: Option<&Owner>) -> pb::Port {
    let mut addresses: Vec<_> = listeners.iter().map(|listener| listener.address).collect();
    addresses.sort_unstable();
    addresses.dedup();
    let reaches = |address: &IpAddr| {
        address.is_unspecified() || [IpAddr::from(Ipv4Addr::LOCALHOST), Ipv6Addr::LOCALHOST.into()].contains(address)
    };
    pb::Port {
        port: port.into(),
        forwardable: addresses.iter().any(reaches),
        addresses: addresses.iter().take(MAX_ADDRESSES).map(ToString::to_string).collect(),
        process_id: owner.map(|owner| owner.process_id),
        process_name: owner.map(|owner| owner.name.clone()).unwrap_or_default(),
    }
}

fn table(path: &str) -> io::Result<Vec<Listener>> {
    Ok(std::fs::read_to_string(path)?.lines().filter_map(listener).collect())
}

/// Reads a line of the system's table of sockets; nothing where it is none that listens.
fn listener(line: &str) -> Option<Listener> {
    let mut fields = line.split_ascii_whitespace();
    let (address, port) = fields.nth(1)?.split_once(':')?;
    let state = fields.nth(1)?;
    let inode = fields.nth(5)?.parse().ok()?;
    let listener = Listener { address: ip(address)?, port: u16::from_str_radix(port, 16).ok()?, inode };
    (state == LISTENING).then_some(listener)
}

/// An address as the table has it: groups of four bytes, each as a number of this machine.
fn ip(text: &str) -> Option<IpAddr> {
    let word = |index: usize| {
        let digits = text.get(8 * index..8 * (index + 1))?;
        Some(u32::from_str_radix(digits, 16).ok()?.to_ne_bytes())
    };
    match text.len() {
        8 => Some(Ipv4Addr::from(word(0)?).into()),
        32 => {
            let words = [word(0)?, word(1)?, word(2)?, word(3)?].concat();
            let address = Ipv6Addr::from(<[u8; 16]>::try_from(words).ok()?);
            Some(address.to_canonical())
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(target_endian = "little")]
    fn a_line_of_the_table_is_read_or_left_out() {
        let rest = "00000000:00000000 00:00000000 00000000  1000        0 4242 1 0 100 0 0 10 0";
        let all = "00000000000000000000000000000000";
        let loopback = "00000000000000000000000001000000";
        let mapped = "0000000000000000FFFF00000100007F";
        for (local, state, expected) in [
            ("0100007F:1F90", "0A", Some(("127.0.0.1", 8080))),
            ("00000000:0016", "0A", Some(("0.0.0.0", 22))),
            (&format!("{all}:0050"), "0A", Some(("::", 80))),
            (&format!("{loopback}:0050"), "0A", Some(("::1", 80))),
            (&format!("{mapped}:0050"), "0A", Some(("127.0.0.1", 80))),
            ("0100007F:1F90", "01", None),
            ("0100007F:10000", "0A", None),
            ("0100007G:1F90", "0A", None),
            ("01:1F90", "0A", None),
            ("", "", None),
        ] {
            let line = format!("   0: {local} 00000000:0000 {state} {rest}");
            let expected = expected.map(|(address, port)| Listener {
                address: address.parse().expect("address"),
                port,
                inode: 4242,
            });
            assert_eq!(listener(&line), expected, "{line}");
        }
        assert_eq!(listener("  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt"), None);
    }

    #[test]
    fn a_port_can_be_forwarded_where_it_is_open_at_a_loopback_address() {
        let port = |addresses: &[&str]| {
            let listeners: Vec<_> = addresses
                .iter()
                .map(|address| Listener { address: address.parse().expect("address"), port: 80, inode: 1 })
                .collect();
            to_proto(80, &listeners, None)
        };
        for (addresses, forwardable) in [
            (&["0.0.0.0"][..], true),
            (&["::"], true),
            (&["10.0.0.5", "127.0.0.1"], true),
            (&["::1"], true),
            (&["10.0.0.5"], false),
            (&["127.0.0.53"], false),
        ] {
            assert_eq!(port(addresses).forwardable, forwardable, "{addresses:?}");
        }
        assert_eq!(port(&["::", "0.0.0.0", "::"]).addresses, ["0.0.0.0", "::"]);
    }
}
