use chatmesh_core::{Uuid, Violations};
use chatmesh_proto::chat::v1 as pb;
use chatmesh_proto::common::v1::ToolDefinition;
use chatmesh_rpc::{Caller, UserId, trace};

use super::mcp_servers::{chosen_mcp_servers, resolve_mcp_servers};
use super::model::{check_workspace, resolve_model};
use crate::Error;
use crate::domain::{
    Chat, ChatId, NewMessage, check_dynamic_tools, check_labels, check_user_content, files_in, title_from,
};
use crate::state::State;
use crate::store::NewChat;

/// The longest title that a client gives, in characters.
const MAX_TITLE: usize = 200;
/// The longest instructions of a chat, in characters.
const MAX_SYSTEM_PROMPT: usize = 10_000;

/// Creates a chat; its first turn begins at once.
pub(super) async fn create_chat(
    state: &State,
    caller: Caller,
    request: pb::CreateChatRequest,
) -> Result<pb::CreateChatResponse, Error> {
    let draft = Draft::parse(request)?;
    let owner = caller.require_user()?;
    let model = resolve_model(state, &caller, &draft.model).await?;
    if let Some(workspace) = draft.workspace_id {
        check_workspace(state, &caller, workspace).await?;
    }
    let servers = resolve_mcp_servers(state, &caller, draft.mcp_servers.clone()).await?;

    let new = draft.into_chat(state, owner, model, servers);
    let id = new.chat.id;
    let files: Vec<_> = files_in(&new.message.content).collect();
    let created = state.store.create(new).await;
    let (chat, created) = created.map_err(|error| Error::on_message(id, &files, error))?;
    if created {
        state.hints.changed(&chat).await;
        state.hints.listed(&chat, pb::WatchKind::Created).await;
    }
    Ok(pb::CreateChatResponse { chat: Some(chat.into()) })
}

/// Checks a title that a client gives and trims it.
pub(super) fn check_title(title: &str, violations: &mut Violations) -> String {
    let title = title.trim().to_owned();
    let fits = title.chars().count() <= MAX_TITLE && !title.chars().any(char::is_control);
    violations.require(fits, "title", "must be one line of at most 200 characters");
    title
}

/// A request whose fields are right.
struct Draft {
    content: Vec<chatmesh_proto::common::v1::Part>,
    model: String,
    workspace_id: Option<Uuid>,
    /// What names the chosen MCP servers; `None` where nothing is chosen.
    mcp_servers: Option<Vec<String>>,
    title: String,
    system_prompt: String,
    labels: std::collections::BTreeMap<String, String>,
    dynamic_tools: Vec<ToolDefinition>,
    request_id: Option<Uuid>,
}

impl Draft {
    fn parse(request: pb::CreateChatRequest) -> Result<Self, Violations> {
        let mut violations = Violations::new();
        check_user_content(&request.content, &mut violations);
        let title = check_title(&request.title, &mut violations);
        let prompt = request.system_prompt;
        let prompt_fits = prompt.chars().count() <= MAX_SYSTEM_PROMPT && !prompt.contains('\0');
        violations.require(prompt_fits, "system_prompt", "must have at most 10000 characters and no NUL");
        let draft = Self {
            workspace_id: violations.optional_id("workspace_id", &request.workspace_id),
            mcp_servers: chosen_mcp_servers(request.mcp_server_ids, request.no_mcp_servers, &mut violations),
            request_id: violations.optional_id("request_id", &request.request_id),
            labels: check_labels(request.labels, &mut violations),
            title: if title.is_empty() { title_from(&request.content) } else { title },
            content: request.content,
            model: request.model,
            system_prompt: prompt,
            dynamic_tools: check_dynamic_tools(request.dynamic_tools, &mut violations),
        };
        violations.finish(Some(draft))
    }

    fn into_chat(self, state: &State, owner: UserId, model: String, servers: Option<Vec<Uuid>>) -> NewChat {
        let now = state.clock.now();
        let chat = Chat {
            title: self.title,
            workspace_id: self.workspace_id,
            mcp_server_ids: servers,
            system_prompt: self.system_prompt,
            labels: self.labels,
            traceparent: trace::traceparent(),
            ..Chat::new(ChatId(state.ids.next()), owner, model, now)
        };
        NewChat {
            chat,
            message: NewMessage::from_user(owner, self.content, None),
            dynamic_tools: self.dynamic_tools,
            deployment_prompt: state.config.deployment_prompt(),
            request_id: self.request_id,
        }
    }
}
