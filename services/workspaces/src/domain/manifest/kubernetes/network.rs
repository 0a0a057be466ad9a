//! What a workspace may connect to.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Restricts what a workspace may connect to. The relay and the cluster's DNS stay within reach.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NetworkPolicyManifest {
    /// Nothing but the relay. Not together with `egress`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub deny_all_but_relay: bool,
    /// What is allowed beside the relay; everything where nothing is named and `deny_all_but_relay` is not true.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub egress: Vec<EgressManifest>,
}

/// Where connections may go: a range of addresses or Pods with labels, on some ports.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EgressManifest {
    /// A range of addresses, like `10.0.0.0/8`. Not together with labels.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cidr: Option<String>,
    /// What is left out of that range.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub except: Vec<String>,
    /// The labels of namespaces; all Pods there, where `pod_labels` is left out.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub namespace_labels: BTreeMap<String, String>,
    /// The labels of Pods, in the workspace's own namespace where `namespace_labels` is left out.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub pod_labels: BTreeMap<String, String>,
    /// The ports; all where it is left out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ports: Vec<EgressPortManifest>,
}

/// A port, or a range of ports.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EgressPortManifest {
    /// The port, or the first one of a range.
    pub port: u16,
    /// The last one of a range.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end_port: Option<u16>,
    /// What is spoken there; `TCP` where it is left out.
    #[serde(default)]
    pub protocol: NetworkProtocol,
}

/// What is spoken on a port.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum NetworkProtocol {
    /// TCP.
    #[default]
    Tcp,
    /// UDP.
    Udp,
    /// SCTP.
    Sctp,
}
