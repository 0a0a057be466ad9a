use chatmesh_core::Violations;
use chatmesh_proto::tools::v1 as pb;
use chatmesh_rpc::{Caller, Code};
use tonic::Status;

use crate::Error;
use crate::agent::explain;
use crate::builtin::{Tool, cancel};
use crate::state::State;

/// Gives a call up.
pub(super) async fn cancel_call(
    state: &State,
    caller: Caller,
    request: pb::CancelCallRequest,
) -> Result<pb::CancelCallResponse, Error> {
    caller.require_service()?;
    caller.require_user()?;
    let mut violations = Violations::new();
    violations.require(!request.idempotency_key.is_empty(), "idempotency_key", "must be set");
    violations.require(!request.chat_id.is_empty(), "chat_id", "must be set");
    violations.require(!request.workspace_id.is_empty(), "workspace_id", "must be set");
    violations.finish(Some(()))?;
    if Tool::by_name(&request.name) != Some(Tool::Execute) {
        return Ok(pb::CancelCallResponse::default());
    }
    let workspace = state.workspace(caller, request.chat_id, request.workspace_id);
    Ok(match cancel(&workspace, &request.idempotency_key).await {
        Ok(signaled) => pb::CancelCallResponse { signaled, ..pb::CancelCallResponse::default() },
        Err(status) => pb::CancelCallResponse { problem: problem(&status), ..pb::CancelCallResponse::default() },
    })
}

fn problem(status: &Status) -> String {
    match status.code() {
        Code::Unimplemented => "the agent of the workspace is too old to end a command by its call".to_owned(),
        _ => explain(status),
    }
}
