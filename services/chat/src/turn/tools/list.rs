//! Which tools the mesh has for a chat.

use std::time::Duration;

use chatmesh_core::Backoff;
use chatmesh_proto::common::v1::{ErrorKind, GenerationError};
use chatmesh_proto::tools::v1 as pb;
use chatmesh_proto::tools::v1::tool_service_client::ToolServiceClient;
use chatmesh_proto::tools::v1::{ListToolsRequest, ListToolsResponse};
use chatmesh_rpc::client::request_on_behalf_of;
use tokio::time::{Instant, timeout};
use tonic::{Code, Status};
use tracing::warn;

use crate::domain::Chat;
use crate::skills::SkillSummary;
use crate::state::State;

/// How long one try may take. The service itself waits 3 s at most for a workspace that does not answer, and 10 s for
/// MCP servers outside of the mesh.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(13);
/// How long to try where the chat has a workspace: long enough for the service to be restarted.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long to try where it has none, and talks on without tools.
const PATIENCE_WITHOUT_WORKSPACE: Duration = ATTEMPT_TIMEOUT;

/// The tools that the chat may use; `None` where nobody can say and it gets along without. A chat with a
/// workspace does not: its model would be told that it has no tools, in the middle of its work.
/// `personal` are the skills of its owner, `known` those that its workspace had before.
pub(in crate::turn) async fn list(
    state: &State,
    chat: &Chat,
    personal: &[SkillSummary],
    known: &[SkillSummary],
) -> Result<Option<ListToolsResponse>, GenerationError> {
    let patience = if chat.workspace_id.is_some() { PATIENCE } else { PATIENCE_WITHOUT_WORKSPACE };
    let message = request(chat, personal, known);
    let give_up_at = Instant::now() + patience;
    let mut backoff = Backoff::new(Duration::from_millis(200), Duration::from_secs(5));
    loop {
        let left = give_up_at.saturating_duration_since(Instant::now());
        let status = match list_once(state, chat, message.clone(), ATTEMPT_TIMEOUT.min(left)).await {
            Ok(tools) => return Ok(Some(tools)),
            Err(status) => status,
        };
        let pause = backoff.next_pause();
        if is_passing(status.code()) && Instant::now() + pause < give_up_at {
            warn!(chat = %chat.id, error = %status.message(), "the tools cannot be listed, trying again");
            tokio::time::sleep(pause).await;
        } else if chat.workspace_id.is_none() {
            warn!(chat = %chat.id, error = %status.message(), "the tools cannot be listed, going on without");
            return Ok(None);
        } else {
            return Err(not_available(&status));
        }
    }
}

fn not_available(status: &Status) -> GenerationError {
    GenerationError {
        message: "The tools of this chat are not available. Send the message again in a while.".to_owned(),
        detail: status.message().to_owned(),
        kind: ErrorKind::Generic.into(),
        ..GenerationError::default()
    }
}

/// True for what trying again may mend.
fn is_passing(code: Code) -> bool {
    matches!(code, Code::Unavailable | Code::DeadlineExceeded | Code::Unknown | Code::Cancelled)
}

fn request(chat: &Chat, personal: &[SkillSummary], known: &[SkillSummary]) -> ListToolsRequest {
    let summaries = |skills: &[SkillSummary]| {
        let summary = |skill: &SkillSummary| pb::SkillSummary {
            name: skill.name.clone(),
            description: skill.description.clone(),
        };
        skills.iter().map(summary).collect()
    };
    ListToolsRequest {
        chat_id: chat.id.to_string(),
        workspace_id: chat.workspace_id.map(|id| id.to_string()).unwrap_or_default(),
        has_skills: !known.is_empty(),
        chat_mode: super::mode_of(chat).into(),
        mcp_server_ids: chat.mcp_server_ids.iter().flatten().map(ToString::to_string).collect(),
        default_mcp_servers: chat.mcp_server_ids.is_none(),
        personal_skills: summaries(personal),
        known_skills: summaries(known),
    }
}

async fn list_once(
    state: &State,
    chat: &Chat,
    message: ListToolsRequest,
    limit: Duration,
) -> Result<ListToolsResponse, Status> {
    let mut request = request_on_behalf_of(chat.owner_id, message);
    request.set_timeout(limit);
    let mut tools = ToolServiceClient::new(state.neighbours.tools.clone())
        .max_decoding_message_size(chatmesh_rpc::MAX_MESSAGE_BYTES);
    match timeout(limit, tools.list_tools(request)).await {
        Ok(listed) => listed.map(tonic::Response::into_inner),
        Err(_) => Err(Status::deadline_exceeded("the list did not come in time")),
    }
}
