//! Settings of the kind `kubernetes`.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;

use super::ConfigError;

/// The longest of the waits: a build ends after ten minutes, and what was begun is to be undone before.
pub(crate) const MAX_START: Duration = Duration::from_secs(540);

/// Workspaces in a cluster.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct KubernetesConfig {
    /// The kubeconfig file. Where it is left out: the service account of this Pod, or else the file that the variable
    /// `KUBECONFIG` names.
    pub kubeconfig: Option<PathBuf>,
    /// The context in the kubeconfig file; its current one where this is left out.
    pub context: Option<String>,
    /// Where workspaces are made. The context's namespace, or the one of this Pod, where it is left out.
    pub namespace: Option<String>,
    /// Further namespaces that templates may name.
    pub allowed_namespaces: Vec<String>,
    /// The image that brings the agent.
    pub agent_image: String,
    /// What is run in that image to bring the agent: it has to make the program `/chatmesh/bin/chatmesh-agent`.
    /// The program has to run in the images of templates, so it is best linked statically.
    pub agent_install: Vec<String>,
    /// Secrets of the namespace to fetch images with.
    pub image_pull_secrets: Vec<String>,
    /// How workspaces whose network is restricted reach the relay. A network policy knows addresses and labels but no
    /// names, so this can not be told from `agent_url`. Without it no restricted workspace is started.
    pub relay_egress: Vec<EgressRule>,
    /// What each container of an agent asks of a node, like `cpu` and `memory`; for resources of which the template says
    /// nothing.
    pub default_requests: BTreeMap<String, String>,
    /// How much each container of an agent may use at most; for resources of which the template says nothing.
    pub default_limits: BTreeMap<String, String>,
    /// How much room there is for the files of a workspace whose template has no storage; empty for no limit.
    pub home_size_limit: String,
    /// How long a workspace may take until it runs, with all that comes before its Pod.
    #[serde(with = "humantime_serde")]
    pub start_timeout: Duration,
    /// How long a Pod may wait for a node; a cluster may have to add one first.
    #[serde(with = "humantime_serde")]
    pub schedule_timeout: Duration,
    /// How long images that can not be fetched, and the like, are tried again before the build fails.
    #[serde(with = "humantime_serde")]
    pub retry_timeout: Duration,
}

impl Default for KubernetesConfig {
    fn default() -> Self {
        let install = ["cp", "/usr/local/bin/chatmesh-agent", "/chatmesh/bin/chatmesh-agent"];
        Self {
            kubeconfig: None,
            context: None,
            namespace: None,
            allowed_namespaces: Vec::new(),
            agent_image: String::new(),
            agent_install: install.map(str::to_owned).to_vec(),
            image_pull_secrets: Vec::new(),
            relay_egress: Vec::new(),
            default_requests: amounts([("cpu", "100m"), ("memory", "256Mi"), ("ephemeral-storage", "1Gi")]),
            default_limits: amounts([("cpu", "4"), ("memory", "8Gi"), ("ephemeral-storage", "20Gi")]),
            home_size_limit: "10Gi".to_owned(),
            start_timeout: Duration::from_secs(480),
            schedule_timeout: Duration::from_secs(300),
            retry_timeout: Duration::from_secs(45),
        }
    }
}

fn amounts(pairs: [(&str, &str); 3]) -> BTreeMap<String, String> {
    pairs.map(|(name, amount)| (name.to_owned(), amount.to_owned())).into()
}

impl KubernetesConfig {
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        if self.agent_image.is_empty() {
            return Err(ConfigError::NoAgentImage);
        }
        for (name, timeout) in [
            ("start_timeout", self.start_timeout),
            ("schedule_timeout", self.schedule_timeout),
            ("retry_timeout", self.retry_timeout),
        ] {
            if !(Duration::from_secs(1)..=MAX_START).contains(&timeout) {
                return Err(ConfigError::KubernetesTimeout { name });
            }
        }
        let home = Some(&self.home_size_limit).filter(|size| !size.is_empty());
        let mut amounts = self.default_requests.values().chain(self.default_limits.values()).chain(home);
        if let Some(wrong) = amounts.find(|amount| !is_quantity(amount)) {
            return Err(ConfigError::Quantity(wrong.clone()));
        }
        let wrong = self.namespace.iter().chain(&self.allowed_namespaces).find(|name| !is_namespace(name));
        wrong.map_or(Ok(()), |name| Err(ConfigError::Namespace(name.clone())))
    }
}

/// About what the cluster takes for an amount. It would blame the template for one that it does not.
fn is_quantity(amount: &str) -> bool {
    let is_fine = |c: char| c.is_ascii_alphanumeric() || c == '.';
    amount.starts_with(|c: char| c.is_ascii_digit()) && amount.chars().all(is_fine)
}

/// It becomes a part of paths, so it is not taken on trust.
fn is_namespace(name: &str) -> bool {
    let is_fine = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    (1..=63).contains(&name.len()) && name.chars().all(is_fine) && !name.starts_with('-') && !name.ends_with('-')
}

/// Where connections may go. Without `cidr` and without labels: everywhere.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EgressRule {
    /// A range of addresses, like `10.0.0.0/8`. Not together with labels.
    pub cidr: Option<String>,
    /// What is left out of that range.
    pub except: Vec<String>,
    /// The labels of namespaces; all Pods there, where `pod_labels` is empty.
    pub namespace_labels: BTreeMap<String, String>,
    /// The labels of Pods, in the workspace's namespace where `namespace_labels` is empty.
    pub pod_labels: BTreeMap<String, String>,
    /// The ports; all where there is none.
    pub ports: Vec<EgressPort>,
}

/// A port, or a range of ports.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EgressPort {
    /// The port, or the first one.
    pub port: u16,
    /// The last one of a range.
    #[serde(default)]
    pub end_port: Option<u16>,
    /// `TCP` where it is left out.
    #[serde(default)]
    pub protocol: Protocol,
}

/// What is spoken on a port.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Protocol {
    /// TCP.
    #[default]
    Tcp,
    /// UDP.
    Udp,
    /// SCTP.
    Sctp,
}

impl Protocol {
    /// Its name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Tcp => "TCP",
            Self::Udp => "UDP",
            Self::Sctp => "SCTP",
        }
    }
}
