//! What a workspace is made of in a cluster, and what its parts are called.
//!
//! All parts have one name, made of the workspace's identifier. The *Secret* with the agent's token lives from start to
//! stop and owns the Pod and the network policy, so that the cluster removes them with it, whatever becomes of us. The
//! *volume* is owned by nobody: it holds the files, and only a build that deletes the workspace removes it.

use std::collections::BTreeMap;

use chatmesh_core::ExposeSecret as _;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference};
use sha2::{Digest as _, Sha256};

use super::objects::agent_container;
use super::settings::Settings;
use crate::config::Config;
use crate::job::{Job, JobAgent, WorkspaceId};

/// Tells one lease of a build from another, which has the same agents and other tokens.
pub(super) const LEASE_LABEL: &str = "chatmesh.dev/lease";
/// How much of a digest makes leases differ; a label has room for 63 characters.
const LEASE_BYTES: usize = 20;
/// Names the workspace that something belongs to.
pub(super) const WORKSPACE_LABEL: &str = "chatmesh.dev/workspace-id";

/// The name of everything that belongs to a workspace.
pub(super) fn name_of(id: WorkspaceId) -> String {
    format!("chatmesh-{id}")
}

/// What a lease is recognised by: its tokens, which no other lease has. They can not be told from it.
pub(super) fn lease_of(agents: &[JobAgent]) -> String {
    let mut digest = Sha256::new_with_prefix("chatmesh lease");
    for agent in agents {
        digest.update(b"\0");
        digest.update(agent.token.expose_secret());
    }
    digest.finalize().iter().take(LEASE_BYTES).map(|byte| format!("{byte:02x}")).collect()
}

/// A workspace to make.
#[derive(Debug)]
pub(super) struct Plan<'a> {
    pub(super) name: String,
    pub(super) namespace: String,
    pub(super) job: &'a Job,
    /// One at least; each runs in a container of its own.
    pub(super) agents: &'a [JobAgent],
    /// What the parts are labelled with that this lease makes; see [`lease_of`].
    pub(super) lease: String,
    pub(super) settings: &'a Settings,
    pub(super) config: &'a Config,
    /// Certificate authorities that the agent trusts, PEM.
    pub(super) authorities: Option<String>,
}

impl Plan<'_> {
    /// The labels by which what belongs to the workspace is found.
    pub(super) fn selector(&self) -> BTreeMap<String, String> {
        BTreeMap::from([(WORKSPACE_LABEL.to_owned(), self.job.workspace_id.to_string())])
    }

    /// What is written on a part that outlives builds.
    pub(super) fn metadata(&self) -> ObjectMeta {
        let mut labels = self.settings.labels.clone();
        for (key, value) in [
            ("app.kubernetes.io/name", "chatmesh-workspace"),
            ("app.kubernetes.io/instance", &self.name),
            ("app.kubernetes.io/component", "workspace"),
            ("app.kubernetes.io/part-of", "chatmesh"),
            ("app.kubernetes.io/managed-by", "chatmesh"),
            ("chatmesh.dev/owner-id", &self.job.owner_id),
        ] {
            insert(&mut labels, key, value);
        }
        labels.extend(self.selector());
        let mut annotations = self.settings.annotations.clone();
        annotations.insert("chatmesh.dev/workspace-name".to_owned(), self.job.workspace_name.clone());
        annotations.insert("chatmesh.dev/template".to_owned(), self.template());
        ObjectMeta {
            name: Some(self.name.clone()),
            namespace: Some(self.namespace.clone()),
            labels: Some(labels),
            annotations: Some(annotations),
            ..ObjectMeta::default()
        }
    }

    /// What is written on a part that belongs to this build.
    pub(super) fn metadata_of_build(&self, owner: Option<&OwnerReference>) -> ObjectMeta {
        let mut metadata = self.metadata();
        let labels = metadata.labels.get_or_insert_default();
        insert(labels, "chatmesh.dev/build-id", &self.job.build_id);
        if let Some(first) = self.agents.first() {
            insert(labels, "chatmesh.dev/agent-id", &first.id);
        }
        insert(labels, LEASE_LABEL, &self.lease);
        if let (Some(annotations), [_, _, ..]) = (&mut metadata.annotations, self.agents) {
            let containers = self.agents.iter().enumerate();
            let which = containers.map(|(place, agent)| format!("{}={}", agent_container(place), agent.name));
            annotations.insert("chatmesh.dev/agents".to_owned(), which.collect::<Vec<_>>().join(","));
        }
        metadata.owner_references = owner.map(|owner| vec![owner.clone()]);
        metadata
    }

    fn template(&self) -> String {
        format!("{}/{}", self.job.template, self.job.template_version)
    }
}

/// Sets a label where the value is one that a label may have.
fn insert(labels: &mut BTreeMap<String, String>, key: &str, value: &str) {
    let is_end = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
    let is_fine = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let fits = value.len() <= 63 && value.chars().all(is_fine);
    if fits && is_end(value.chars().next()) && is_end(value.chars().next_back()) {
        labels.insert(key.to_owned(), value.to_owned());
    } else {
        labels.remove(key);
    }
}
