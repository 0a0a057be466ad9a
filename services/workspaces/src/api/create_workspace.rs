use std::sync::Arc;

use chatmesh_core::Violations;
use chatmesh_proto::workspaces::v1 as pb;
use chatmesh_rpc::Caller;

use super::start_choice;
use super::update_workspace::check_ttl;
use crate::domain::{BuildId, Workspace, WorkspaceId, is_name};
use crate::state::State;
use crate::store::{ForChat, Inserted, NewWorkspace};
use crate::{Error, convert};

/// The service that carries out the tools of chats.
const TOOLS: &str = "tools";

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
    let start = start_choice::read(&request.version, request.preset, request.parameters, &mut violations);
    let chat_id = violations.optional_id("chat_id", &request.chat_id);
    let replaces = violations.optional_id("replaced_workspace_id", &request.replaced_workspace_id).map(WorkspaceId);
    check_ttl(request.ttl_seconds, &mut violations);
    violations.finish(Some(()))?;
    let chat = chat_id.map(|chat_id| ForChat { chat_id, replaces });
    let owner_id = caller.require_user()?;

    let template = state.store.find_template(&request.template).await?;
    let template = template.ok_or_else(|| Error::no_template(&request.template))?;
    // Where this can not be read, nothing is made.
    let is_for_tools = caller.require_service().is_ok_and(|service| service == TOOLS);
    if is_for_tools && !template.allowed_for_agents {
        return Err(Error::NotAllowed(template.name));
    }
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
        ttl_seconds: request.ttl_seconds,
        last_used_at: None,
    };
    let quota = Arc::clone(&state.quota);
    // Tools ask for the time of the deployment's settings, whatever the template: no model could ask for another one.
    let bounds_ttl = is_for_tools;
    let new =
        NewWorkspace { workspace, build_id: BuildId(state.ids.next()), request_id, start, quota, chat, bounds_ttl };
    let inserted = state.store.insert_workspace(&new).await;
    let mut made_for_chat_before = false;
    let details = match inserted.map_err(|error| Error::on_template(&new.workspace.template, error))? {
        Inserted::Created(details) if details.build.status.has_ended() => {
            // It was made in advance, and another one has to take its place.
            state.hints.changed(details.workspace.id).await;
            state.hints.pools_changed().await;
            details
        }
        Inserted::Created(details) => {
            state.hints.build_waits(details.workspace.id).await;
            details
        }
        Inserted::Repeated(details) => details,
        Inserted::OfChat(details) => {
            made_for_chat_before = true;
            details
        }
        Inserted::NameTaken => return Err(Error::NameTaken(new.workspace.name)),
        Inserted::NameBeingFreed => return Err(Error::NameBeingFreed(new.workspace.name)),
    };
    let workspace = Some(convert::workspace(details, now));
    Ok(pb::CreateWorkspaceResponse { workspace, made_for_chat_before })
}
