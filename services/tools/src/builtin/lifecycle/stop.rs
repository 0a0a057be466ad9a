//! `stop_workspace`: stops the chat's workspace.

use chatmesh_proto::workspaces::v1::StopWorkspaceRequest;
use chatmesh_rpc::Code;
use serde::Serialize;

use super::super::Call;
use super::failure::{Trouble, is};
use super::services::Services;
use super::start::open;
use super::{MAX_ROUNDS, build, deleted, none_yet, receipt, restless, workspace_of};
use crate::outcome::Outcome;

/// The tool.
const NAME: &str = "stop_workspace";

/// What the model is told of its workspace.
#[derive(Debug, Serialize)]
struct Stopped {
    stopped: bool,
    workspace_name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    build_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    no_build: Option<bool>,
}

/// Whatever else happens to the workspace is waited for, however it ends: what counts is what the workspace says then.
/// Only one that was stopped with success is not stopped again.
pub(super) async fn run(call: &Call<'_>) -> Result<Outcome, Trouble> {
    let id = workspace_of(call).ok_or_else(none_yet)?;
    let services = Services::of(call);
    for _ in 0..MAX_ROUNDS {
        let workspace = open(&services, id).await?;
        let workspace_name = workspace.name;
        let request_id = receipt::request_id("stop", call.key).to_string();
        match services.stop(StopWorkspaceRequest { workspace_id: id.to_owned(), request_id }).await {
            Ok(build) => {
                call.notices.bound(id, &build.id).await;
                let build = build::wait(&services, &build, NAME).await?;
                call.notices.settled(id, &build.id).await;
                let stopped = Stopped { stopped: true, workspace_name, build_id: Some(build.id), no_build: None };
                return Ok(Outcome::of(&stopped));
            }
            Err(status) if is(&status, "WORKSPACE_ALREADY_STOPPED") => {
                let stopped = Stopped { stopped: true, workspace_name, build_id: None, no_build: Some(true) };
                return Ok(Outcome::of(&stopped));
            }
            Err(status) if is(&status, "BUILD_ACTIVE") => {
                let Some(build) = open(&services, id).await?.latest_build.filter(build::is_active) else { continue };
                call.notices.bound(id, &build.id).await;
                build::end(&services, &build, NAME).await?;
            }
            Err(status) if status.code() == Code::NotFound || is(&status, "WORKSPACE_DELETED") => return Err(deleted()),
            Err(status) => return Err(Trouble::of(&status)),
        }
    }
    Err(restless())
}
