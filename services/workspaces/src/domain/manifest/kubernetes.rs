//! The Pod of a workspace, for the provisioner `kubernetes`.

mod network;
mod storage;
mod toleration;

use std::collections::BTreeMap;

pub use network::{EgressManifest, EgressPortManifest, NetworkPolicyManifest, NetworkProtocol};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
pub use storage::StorageManifest;
pub use toleration::{TolerationEffect, TolerationManifest, TolerationOperator};

/// The Pod that a workspace is. It never runs as root, has no token of the cluster, and nobody connects to it: the
/// agent in it dials out.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct KubernetesManifest {
    /// The image, like `debian:13`. The agent is brought into it; it only has to run a program for Linux.
    pub image: String,
    /// Runs in front of the agent, whose command line it gets as its last arguments and has to become in the end; the
    /// agent runs by itself where this is left out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub command: Vec<String>,
    /// Variables of the workspace. Names that begin with `CHATMESH_` are the mesh's own, and `HOME` is where the files
    /// are.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub env: BTreeMap<String, String>,
    /// What it takes of a node.
    #[serde(default, skip_serializing_if = "KubernetesResources::is_empty")]
    pub resources: KubernetesResources,
    /// A volume for its files, which stays when the workspace is stopped. Without one the files are lost then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub storage: Option<StorageManifest>,
    /// The service account, for what the cluster grants to it by name. Its token is not in the workspace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service_account: Option<String>,
    /// The number of the user that everything runs as; 1000 where it is left out, never 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run_as_user: Option<u32>,
    /// The labels of the nodes that it may run on.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub node_selector: BTreeMap<String, String>,
    /// The taints of nodes that it puts up with.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tolerations: Vec<TolerationManifest>,
    /// Secrets of the namespace to fetch the image with.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub image_pull_secrets: Vec<String>,
    /// Labels of everything that the workspace is made of, beside the mesh's own.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// Annotations of everything that the workspace is made of, beside the mesh's own.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
    /// The namespace, one that the provisioner's configuration allows; its own where this is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// What the workspace may connect to; everything where this is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub network_policy: Option<NetworkPolicyManifest>,
}

/// Amounts of what a node has, like `cpu = "500m"` or `memory = "2Gi"`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct KubernetesResources {
    /// What is set aside for the workspace.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub requests: BTreeMap<String, String>,
    /// What it gets at most.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub limits: BTreeMap<String, String>,
}

impl KubernetesResources {
    fn is_empty(&self) -> bool {
        self.requests.is_empty() && self.limits.is_empty()
    }
}
