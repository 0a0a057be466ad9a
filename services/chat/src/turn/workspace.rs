//! What a turn is given of its chat's workspace: tools, and what the model should know. The skills of the chat's owner
//! are listed with those of the workspace.
//!
//! Both are fetched for every turn, so that what was edited in the workspace counts from the next turn on. What the
//! workspace said of itself is kept with the chat, for turns in which it does not answer; an answer that did not come
//! changes nothing of that.

use std::time::Duration;

use chatmesh_core::Uuid;
use chatmesh_proto::common::v1::GenerationError;
use chatmesh_proto::tools::v1::{ListToolsResponse, WorkspaceContextState};
use tracing::warn;

use super::tools;
use crate::domain::Chat;
use crate::skills::SkillSummary;
use crate::state::State;
use crate::store::KeptContext;

/// The most bytes of a context, or of its skills, that are kept.
const MAX_KEPT_BYTES: usize = 256 * 1024;
/// For how long it is not noted that the same words were said again.
const FRESH_FOR: Duration = Duration::from_secs(60);

/// What the mesh has for a chat at one moment.
#[derive(Debug, Clone, Default)]
pub(super) struct Equipment {
    /// The tools, and what is known of them.
    pub(super) listed: ListToolsResponse,
    /// What the prompt says of the workspace and of skills, a block each.
    pub(super) blocks: Vec<String>,
}

/// Asks for what the mesh has for a chat whose owner has these skills; `None` where nobody can say and the chat gets along without.
pub(super) async fn equipment(
    state: &State,
    chat: &Chat,
    personal: &[SkillSummary],
) -> Result<Option<Equipment>, GenerationError> {
    let kept = match chat.workspace_id {
        Some(workspace) => kept(state, chat, workspace).await,
        None => None,
    };
    let known = kept.as_ref().map(|kept| kept.skills.as_slice()).unwrap_or_default();
    let Some(listed) = tools::list(state, chat, personal, known).await? else { return Ok(None) };
    let mut blocks = match (listed.workspace_context_state(), chat.workspace_id) {
        (WorkspaceContextState::Found | WorkspaceContextState::Empty, Some(workspace_id)) => {
            keep(state, chat, workspace_id, &listed, kept).await;
            vec![listed.workspace_context.clone()]
        }
        (WorkspaceContextState::Unreachable, _) => {
            std::iter::once(listed.workspace_context.clone()).chain(kept.as_ref().map(as_of_then)).collect()
        }
        _ => vec![listed.workspace_context.clone()],
    };
    blocks.push(listed.skill_index.clone());
    Ok(Some(Equipment { listed, blocks }))
}

/// What the workspace said when it last answered, with a word on that.
fn as_of_then(kept: &KeptContext) -> String {
    let when = kept.read_at.format("%Y-%m-%d %H:%M UTC");
    let note = format!(
        "The workspace does not answer now. This is what it said of itself when it last did, at {when}; it may have \
         changed since."
    );
    format!("{note}\n\n{}", kept.context)
}

async fn kept(state: &State, chat: &Chat, workspace: Uuid) -> Option<KeptContext> {
    match state.contexts.kept_context(chat.id, workspace).await {
        Ok(kept) => kept,
        Err(error) => {
            warn!(chat = %chat.id, %error, "what the workspace last said cannot be read");
            None
        }
    }
}

/// Keeps what the workspace says now. A turn goes on without it: all it is for is another turn.
async fn keep(state: &State, chat: &Chat, workspace_id: Uuid, listed: &ListToolsResponse, kept: Option<KeptContext>) {
    let now = KeptContext {
        workspace_id,
        context: bounded(&listed.workspace_context),
        skills: skills_of(listed),
        read_at: state.clock.now(),
    };
    let said_before = kept.filter(|kept| *kept == KeptContext { read_at: kept.read_at, ..now.clone() });
    let done = match said_before {
        Some(kept) if now.read_at < kept.read_at + FRESH_FOR => return,
        Some(_) => state.contexts.heard_again(chat.id, workspace_id, now.read_at).await,
        None => state.contexts.keep_context(chat.id, now).await,
    };
    if let Err(error) = done {
        warn!(chat = %chat.id, %error, "what the workspace says is not kept");
    }
}

fn bounded(text: &str) -> String {
    text[..text.floor_char_boundary(MAX_KEPT_BYTES)].to_owned()
}

/// The workspace's skills that are listed, as far as there is room for them.
fn skills_of(listed: &ListToolsResponse) -> Vec<SkillSummary> {
    let skills = listed.workspace_skills.iter().cloned();
    let skills = skills.map(|skill| SkillSummary { name: skill.name, description: skill.description });
    let fits = skills.scan(0, |bytes, skill| {
        *bytes += skill.name.len() + skill.description.len();
        (*bytes <= MAX_KEPT_BYTES).then_some(skill)
    });
    fits.collect()
}
