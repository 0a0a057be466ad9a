use chatmesh_core::Violations;
use chatmesh_proto::workspaces::v1 as pb;
use chatmesh_rpc::Caller;

use crate::domain::{BuildId, Workspace, WorkspaceId, is_name};
use crate::state::State;
use crate::store::{Inserted, NewWorkspace};
use crate::{Error, convert};

/// Creates a workspace of the caller's and the build that starts it.
pub(super) async fn create_workspace(
    state: &State,
    caller: Caller,
    request: pb::CreateWorkspaceRequest,
) -> Result<pb::CreateWorkspaceResponse, Error> {
    let mut violations = Violations::new();
    violations.require(is_name(&request.name), "name", "must be 1 to 32 lower-case letters, digits or `-`");
    let named = !request.template.is_empty() && !request.template.contains('\0');
    violations.require(named, "template", "must name a template, like `local`");
    let request_id = violations.optional_id("request_id", &request.request_id);
    violations.finish(Some(()))?;
    let owner_id = caller.require_user()?;

    let template = state.store.find_template(&request.template).await?;
    let template = template.ok_or(Error::NotFound { kind: "template", id: request.template })?;
    let now = state.clock.now();
    let workspace = Workspace {
        id: WorkspaceId(state.ids.next()),
        owner_id,
        name: request.name,
        template_id: template.id,
        template: template.name,
        deleted: false,
        created_at: now,
        updated_at: now,
    };
    let new = NewWorkspace { workspace, build_id: BuildId(state.ids.next()), request_id };
    let details = match state.store.insert_workspace(&new).await? {
        Inserted::Created(details) => {
            state.hints.build_waits(details.workspace.id).await;
            details
        }
        Inserted::Repeated(details) => details,
        Inserted::NameTaken => return Err(Error::NameTaken(new.workspace.name)),
    };
    Ok(pb::CreateWorkspaceResponse { workspace: Some(convert::workspace(details, now)) })
}
