//! Rules for the network.

use std::net::IpAddr;

use chatmesh_core::Violations;

use super::check_count;
use super::names::check_labels;
use crate::domain::manifest::kubernetes::{EgressManifest, NetworkPolicyManifest};

/// How a range of addresses has to be written.
const CIDR: &str = "must be a range of addresses, like `10.0.0.0/8`";

pub(super) fn check(place: &str, policy: &NetworkPolicyManifest, found: &mut Violations) {
    let contradicts = policy.deny_all_but_relay && !policy.egress.is_empty();
    let demands = "must be left out where `deny_all_but_relay` is true";
    found.require(!contradicts, format!("{place}.egress"), demands);
    check_count(&format!("{place}.egress"), policy.egress.len(), found);
    for (index, rule) in policy.egress.iter().take(super::MAX_ITEMS).enumerate() {
        check_rule(&format!("{place}.egress[{index}]"), rule, found);
    }
}

fn check_rule(place: &str, rule: &EgressManifest, found: &mut Violations) {
    let has_labels = !rule.namespace_labels.is_empty() || !rule.pod_labels.is_empty();
    found.require(
        rule.cidr.is_none() || !has_labels,
        format!("{place}.cidr"),
        "must be left out where there are labels",
    );
    let range = rule.cidr.as_deref().and_then(|cidr| found.check(format!("{place}.cidr"), Range::read(cidr)));
    check_count(&format!("{place}.except"), rule.except.len(), found);
    for (index, text) in rule.except.iter().take(super::MAX_ITEMS).enumerate() {
        let place = format!("{place}.except[{index}]");
        let except = found.check(&place, Range::read(text));
        let is_part = match (&range, except) {
            (Some(range), Some(except)) => range.holds(&except),
            (None, _) => rule.cidr.is_some(),
            (_, None) => true,
        };
        found.require(is_part, place, "must be a part of `cidr`, and smaller");
    }
    check_labels(&format!("{place}.namespace_labels"), &rule.namespace_labels, found);
    check_labels(&format!("{place}.pod_labels"), &rule.pod_labels, found);
    check_count(&format!("{place}.ports"), rule.ports.len(), found);
    for (index, port) in rule.ports.iter().take(super::MAX_ITEMS).enumerate() {
        let place = format!("{place}.ports[{index}]");
        found.require(port.port > 0, format!("{place}.port"), "must be 1 to 65535");
        let is_range = port.end_port.is_none_or(|end| end >= port.port);
        found.require(is_range, format!("{place}.end_port"), "must not be less than `port`");
    }
}

/// A range of addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Range {
    /// The address as a number, from the left.
    bits: u128,
    length: u32,
    is_ipv4: bool,
}

impl Range {
    fn read(text: &str) -> Result<Self, &'static str> {
        let (address, length) = text.split_once('/').ok_or(CIDR)?;
        let address: IpAddr = address.parse().map_err(|_| CIDR)?;
        let is_number = (1..=3).contains(&length.len()) && length.bytes().all(|c| c.is_ascii_digit());
        let length: u32 = length.parse().ok().filter(|_| is_number).ok_or(CIDR)?;
        let (bits, width, is_ipv4) = match address {
            IpAddr::V4(address) => (u128::from(address.to_bits()) << 96, 32, true),
            IpAddr::V6(address) => (address.to_bits(), 128, false),
        };
        if length > width {
            return Err(CIDR);
        }
        Ok(Self { bits, length, is_ipv4 })
    }

    /// True where the other range is a part of this one, and smaller.
    fn holds(&self, other: &Self) -> bool {
        let mask = u128::MAX.checked_shl(128 - self.length).unwrap_or(0);
        self.is_ipv4 == other.is_ipv4 && other.length > self.length && (self.bits ^ other.bits) & mask == 0
    }
}
