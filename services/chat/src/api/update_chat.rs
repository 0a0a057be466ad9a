use std::collections::{BTreeMap, HashMap};

use chatmesh_core::Violations;
use chatmesh_proto::chat::v1 as pb;
use chatmesh_rpc::Caller;

use super::create_chat::check_title;
use super::find_own_chat;
use super::mcp_servers::{chosen_mcp_servers, resolve_mcp_servers};
use super::model::{check_workspace, release_workspace};
use crate::Error;
use crate::domain::{Chat, ChatId, check_labels};
use crate::state::State;
use crate::store::{Metadata, Update, Updated};

/// Changes what is present in the request, all of it or nothing.
pub(super) async fn update_chat(
    state: &State,
    caller: Caller,
    request: pb::UpdateChatRequest,
) -> Result<pb::UpdateChatResponse, Error> {
    let (id, update, servers) = parse(request)?;
    let before = find_own_chat(state, &caller, id).await?;
    if let Some(Some(workspace)) = update.metadata.workspace_id {
        check_workspace(state, &caller, workspace).await?;
    }
    let mut update = update;
    update.metadata.mcp_server_ids = resolve_mcp_servers(state, &caller, servers).await?;

    if let Some(chosen) = update.metadata.workspace_id
        && let Some(former) = before.workspace_id.filter(|former| Some(*former) != chosen)
    {
        // First: a chat that has it still finds it without that, and one that has lost it would be given it again.
        release_workspace(state, &caller, id, former).await?;
    }

    let titled = update.metadata.title.is_some();
    let updated = state.store.update(id, update, state.clock.now()).await;
    let updated = updated.map_err(|error| Error::on(id, error))?;
    announce(state, &before, titled, &updated).await;
    Ok(pb::UpdateChatResponse { chat: Some(updated.chat.into()) })
}

/// The chat, its change, and what names the MCP servers that are chosen.
fn parse(request: pb::UpdateChatRequest) -> Result<(ChatId, Update, Option<Vec<String>>), Violations> {
    let mut violations = Violations::new();
    let id = violations.check("chat_id", request.chat_id.parse::<ChatId>());
    let title = request.title.as_deref().map(|title| check_title(title, &mut violations));
    violations.require(title.as_deref() != Some(""), "title", "must not be blank");
    let workspace_id = request.workspace_id.as_deref().map(|text| violations.optional_id("workspace_id", text));
    let labels = labels(request.labels, request.clear_labels, &mut violations);
    let servers = chosen_mcp_servers(request.mcp_server_ids, request.no_mcp_servers, &mut violations);
    let (archived, pin_order) = (request.archived, request.pin_order);
    let fits = archived != Some(true) || pin_order.unwrap_or_default() == 0;
    violations.require(fits, "pin_order", "must not be set together with archived: archived chats are not pinned");
    let update =
        Update { metadata: Metadata { title, labels, workspace_id, mcp_server_ids: None }, archived, pin_order };
    violations.finish(id.map(|id| (id, update, servers)))
}

/// All labels that the chat shall have, or `None` to leave them.
fn labels(
    labels: HashMap<String, String>,
    clear: bool,
    violations: &mut Violations,
) -> Option<BTreeMap<String, String>> {
    let set = !labels.is_empty();
    violations.require(!(set && clear), "clear_labels", "must not be set together with labels");
    let labels = check_labels(labels, violations);
    (set || clear).then_some(labels)
}

/// Tells subscribers. For a list, a chat that was put away is gone, and one that was taken out is new.
async fn announce(state: &State, before: &Chat, titled: bool, updated: &Updated) {
    let Updated { chat, family, moved } = updated;
    let kind = match (before.archived, chat.archived) {
        (false, true) => pb::WatchKind::Deleted,
        (true, false) => pb::WatchKind::Created,
        _ if titled => pb::WatchKind::TitleChange,
        _ => pb::WatchKind::MetadataChange,
    };
    let in_family = if chat.archived { pb::WatchKind::Deleted } else { pb::WatchKind::Created };
    let family = family.iter().map(|member| (member, in_family));
    let moved = moved.iter().map(|other| (other, pb::WatchKind::MetadataChange));
    for (chat, kind) in std::iter::once((chat, kind)).chain(family).chain(moved) {
        state.hints.changed(chat).await;
        state.hints.listed(chat, kind).await;
    }
}

#[cfg(test)]
mod tests;
