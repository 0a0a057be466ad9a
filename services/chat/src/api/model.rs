//! Asking the neighbours about what a request names.

use chatmesh_core::{Uuid, Violations};
use chatmesh_proto::llm::v1::GetModelRequest;
use chatmesh_proto::llm::v1::model_service_client::ModelServiceClient;
use chatmesh_proto::workspaces::v1::workspace_service_client::WorkspaceServiceClient;
use chatmesh_proto::workspaces::v1::{GetWorkspaceRequest, ReleaseChatWorkspaceRequest};
use chatmesh_rpc::client::request_for;
use chatmesh_rpc::{Caller, Code};
use tonic::Status;

use crate::Error;
use crate::domain::ChatId;
use crate::state::State;

/// The name of the model that `reference` names; the default's where it is empty.
pub(super) async fn resolve_model(state: &State, caller: &Caller, reference: &str) -> Result<String, Error> {
    let mut models = ModelServiceClient::new(state.neighbours.llm.clone());
    let request = request_for(caller, GetModelRequest { model: reference.to_owned() });
    match models.get_model(request).await {
        Ok(response) => Ok(response.into_inner().model.map(|model| model.name).unwrap_or_default()),
        Err(status) if status.code() == Code::NotFound && reference.is_empty() => Err(Error::NoModel),
        Err(status) if status.code() == Code::NotFound => {
            Err(Violations::one("model", format!("names no model: `{reference}` not found")).into())
        }
        Err(status) => Err(neighbour("llm", &status)),
    }
}

/// The name of the model that a message asks for; empty where it leaves that to the chat.
pub(super) async fn model_of_message(state: &State, caller: &Caller, reference: &str) -> Result<String, Error> {
    match reference {
        "" => Ok(String::new()),
        reference => resolve_model(state, caller, reference).await,
    }
}

/// Makes sure that the caller has the workspace.
pub(super) async fn check_workspace(state: &State, caller: &Caller, workspace: Uuid) -> Result<(), Error> {
    let mut workspaces = WorkspaceServiceClient::new(state.neighbours.workspaces.clone());
    let request = request_for(caller, GetWorkspaceRequest { workspace_id: workspace.to_string() });
    match workspaces.get_workspace(request).await {
        Ok(_) => Ok(()),
        Err(status) if status.code() == Code::NotFound => {
            Err(Violations::one("workspace_id", format!("names no workspace: `{workspace}` not found")).into())
        }
        Err(status) => Err(neighbour("workspaces", &status)),
    }
}

/// Says that the chat gives a workspace up: what its tools make from then on is another one.
pub(super) async fn release_workspace(
    state: &State,
    caller: &Caller,
    chat: ChatId,
    workspace: Uuid,
) -> Result<(), Error> {
    let mut workspaces = WorkspaceServiceClient::new(state.neighbours.workspaces.clone());
    let message = ReleaseChatWorkspaceRequest { chat_id: chat.to_string(), workspace_id: workspace.to_string() };
    match workspaces.release_chat_workspace(request_for(caller, message)).await {
        Ok(_) => Ok(()),
        // A release without this is still rolled out of: there the workspace may come back.
        Err(status) if status.code() == Code::Unimplemented => Ok(()),
        Err(status) => Err(neighbour("workspaces", &status)),
    }
}

pub(super) fn neighbour(service: &'static str, status: &Status) -> Error {
    Error::Neighbour { service, code: status.code(), message: status.message().to_owned() }
}
