//! The provisioner against a simulated cluster, and against a real one where there is one.

mod failures;
mod leases;
mod manifests;
mod real;
mod server;
mod suite;
mod undo;

use std::time::Duration;

use chatmesh_core::{IdSource as _, SystemIds};
use tempfile::TempDir;

use super::*;
use crate::backend::carry_out;
use crate::config::KubernetesConfig;
use crate::conformance::{failure_of, run};
use crate::job::Work;
use server::{Fault, Kubelet, LOST, Server};

/// A cluster, and what a provisioner is told of it.
struct World {
    server: Server,
    directory: TempDir,
}

impl World {
    async fn new() -> Self {
        let (server, directory) = (Server::start().await, tempfile::tempdir().expect("a directory"));
        std::fs::write(directory.path().join("kubeconfig"), server.kubeconfig()).expect("written");
        Self { server, directory }
    }

    fn config(&self) -> Config {
        Config {
            agent_url: "https://mesh.example.com".to_owned(),
            kubernetes: KubernetesConfig {
                kubeconfig: Some(self.directory.path().join("kubeconfig")),
                agent_image: "registry.example.com/chatmesh-agent:1".to_owned(),
                ..KubernetesConfig::default()
            },
            ..Config::default()
        }
    }

    fn kubernetes(&self) -> Kubernetes {
        Kubernetes::new(self.config())
    }
}

/// A build that starts a workspace of this template.
fn start(id: WorkspaceId, token: &str, settings: &str) -> Job {
    Job { settings: settings.to_owned(), ..Job::start_for_test(id, token) }
}

fn workspace() -> WorkspaceId {
    WorkspaceId(SystemIds.next())
}

/// The least that a template says.
const LITTLE: &str = r#"{"image": "debian:13"}"#;
/// A template with a volume.
const WITH_VOLUME: &str = r#"{"image": "debian:13", "storage": {"size": "10Gi"}}"#;
