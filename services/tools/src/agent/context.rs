//! What a model should know of its workspace before a turn begins.

use std::time::Duration;

use chatmesh_proto::agent::v1::PingRequest;
use chatmesh_proto::agent::v1::diagnostics_service_client::DiagnosticsServiceClient;
use moka::sync::Cache;
use tonic::Status;

use super::directory::Directory as _;
use super::{Workspace, explain};

/// How long a turn waits to learn about its workspace before it begins.
const CONTEXT_TIMEOUT: Duration = Duration::from_secs(3);
/// How many working directories are remembered before they are asked for anew.
const MAX_DIRECTORIES: u64 = 10_000;

/// The working directories of agents that answered once; they do not change while an agent lives.
/// What could not be learnt is not remembered: the next turn asks again.
#[derive(Debug, Clone)]
pub(crate) struct Directories(Cache<String, String>);

impl Default for Directories {
    fn default() -> Self {
        Self(Cache::builder().max_capacity(MAX_DIRECTORIES).build())
    }
}

impl Workspace {
    /// What a model should know of the workspace. A workspace that does not answer soon does not
    /// hold the turn up, and one that does not run is not waited for at all.
    pub(crate) async fn context(&self, directories: &Directories) -> String {
        let directory = tokio::time::timeout(CONTEXT_TIMEOUT, self.directory(directories)).await;
        match directory {
            Ok(Ok(directory)) => format!(
                "You have a workspace, a machine of your own on which your tools act.\nWorking directory: {directory}"
            ),
            Ok(Err(status)) => format!("You have a workspace, but it is not usable now: {}", explain(&status)),
            Err(_) => {
                "You have a workspace, but it does not answer at the moment; a tool call may reach it.".to_owned()
            }
        }
    }

    async fn directory(&self, directories: &Directories) -> Result<String, Status> {
        let mesh = self.mesh();
        let id = mesh.resolve().await?.id;
        if let Some(directory) = directories.0.get(&id) {
            return Ok(directory);
        }
        mesh.dial(&id, CONTEXT_TIMEOUT).await?;
        let agent = self.agent(&id)?;
        let mut diagnostics = DiagnosticsServiceClient::new(agent.transport());
        let pong = diagnostics.ping(agent.request(PingRequest {})).await?.into_inner();
        directories.0.insert(id, pong.directory.clone());
        Ok(pong.directory)
    }
}
