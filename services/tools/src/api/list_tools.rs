use chatmesh_proto::tools::v1 as pb;
use chatmesh_proto::tools::v1::{ChatMode, WorkspaceContextState, WorkspaceToolsState};
use chatmesh_rpc::Caller;
use tokio::time::Instant;

use crate::catalogue::Has;
use crate::context::CONTEXT_TIMEOUT;
use crate::mcp::Room;
use crate::servers::{Asked, Choice, Offered};
use crate::state::State;
use crate::{Error, catalogue, context, mcp};

/// What a model is told where tools are missing that may have been there a step ago.
const NOTHING_OUTSIDE: &str = "The tools of MCP servers (named `server__tool`) are not offered at the moment, those of \
                               this workspace among them: which servers are configured cannot be read. Go on without \
                               them; they are offered again as soon as it can.";

/// Lists the tools of a chat: those that its mode is offered, for what it has.
pub(super) async fn list_tools(
    state: &State,
    caller: Caller,
    request: pb::ListToolsRequest,
) -> Result<pb::ListToolsResponse, Error> {
    caller.require_service()?;
    let mode = catalogue::mode_of(request.chat_mode);
    // A server that does not answer is waited for beside the workspace, and not after it.
    let (outside, listed) =
        tokio::join!(outside(state, &caller, &request, mode), of_mesh(state, caller.clone(), request.clone(), mode));
    let (listed, found) = listed?;
    Ok(joined(listed, found, outside))
}

/// The tools of MCP servers outside of the mesh.
async fn outside(state: &State, caller: &Caller, request: &pb::ListToolsRequest, mode: Option<ChatMode>) -> Offered {
    let Ok(user) = caller.require_user() else { return Offered::default() };
    let asked = Asked { user, chat_id: request.chat_id.clone(), workspace_id: request.workspace_id.clone() };
    let choice = Choice::new(&request.mcp_server_ids, request.default_mcp_servers);
    state.servers.offered(&asked, &choice, mode).await
}

/// Puts them behind the mesh's own, and before those of the workspace, which get the room that is left: whoever writes a
/// file there does not take the place of what an administrator configured. Nor do they describe it: what is called like a
/// tool of a server outside of the mesh goes there, so none of the workspace's is. Where nobody can say which servers there
/// are outside, that may be any of them.
fn joined(mut listed: pb::ListToolsResponse, mut found: mcp::Found, mut outside: Offered) -> pb::ListToolsResponse {
    let is_elsewhere = |name: &str| mcp::server_of(name).is_some_and(|server| outside.slugs.contains(server));
    let before = found.tools.len();
    found.tools.retain(|tool| !outside.is_unknown && !is_elsewhere(&tool.name));
    if outside.is_unknown && !listed.workspace_context.is_empty() {
        // Whoever looks for what is missing finds it in the middle of a turn, too.
        listed.workspace_tools_state = WorkspaceToolsState::Unknown.into();
    }
    if outside.is_unknown && (before > 0 || !listed.workspace_context.is_empty()) {
        listed.workspace_context = format!("{}\n\n{NOTHING_OUTSIDE}", listed.workspace_context).trim_start().to_owned();
    }
    let mut room = Room::default();
    listed.tools.extend(std::mem::take(&mut outside.tools).into_iter().filter(|tool| room.take(tool)));
    let all = found.tools.len();
    found.tools.retain(|tool| room.take(tool));
    found.left_out += all - found.tools.len();
    if let Some(note) = outside.note() {
        // Not with what the workspace says: the chat keeps that, and tells it again once the user has done it.
        listed.skill_index = format!("{}\n\n{note}", listed.skill_index).trim_start().to_owned();
    }
    if let Some(note) = found.note() {
        listed.workspace_context = format!("{}\n\n{note}", listed.workspace_context);
    }
    listed.workspace_tool_count = u32::try_from(found.tools.len()).unwrap_or(u32::MAX);
    listed.tools.append(&mut found.tools);
    listed
}

/// The tools of the mesh, what is known of the workspace, and the tools of the servers in it.
async fn of_mesh(
    state: &State,
    caller: Caller,
    request: pb::ListToolsRequest,
    mode: Option<ChatMode>,
) -> Result<(pb::ListToolsResponse, mcp::Found), Error> {
    if request.workspace_id.is_empty() {
        let skill_index = context::index(&request.personal_skills, &[]);
        let tools = catalogue::definitions(mode, Has { workspace: false, skills: !skill_index.is_empty() });
        let listed = pb::ListToolsResponse { tools, skill_index, ..pb::ListToolsResponse::default() };
        return Ok((listed, mcp::Found::default()));
    }
    let began = Instant::now();
    let workspace = state.workspace(caller, request.chat_id, request.workspace_id);
    let (context, reached) = context::read(&workspace).await;
    let is_reachable = matches!(context.state, WorkspaceContextState::Found | WorkspaceContextState::Empty);
    let is_gone = context.state == WorkspaceContextState::Gone;
    // Both looks together take no longer than one that gets no answer.
    let left = if is_reachable { CONTEXT_TIMEOUT.saturating_sub(began.elapsed()) } else { std::time::Duration::ZERO };
    let (found, workspace_tools_state) = if catalogue::offers_workspace_servers(mode) {
        let found = mcp::look(&workspace, reached.as_ref(), &state.discovered, left).await;
        let state = found.state();
        (found, state)
    } else {
        // Nobody has to look for what is not offered.
        (mcp::Found::default(), WorkspaceToolsState::Found)
    };
    let of_workspace = match context.state {
        WorkspaceContextState::Unreachable => &request.known_skills,
        _ => &context.skills,
    };
    let skill_index = context::index(&request.personal_skills, of_workspace);
    // A caller may know that there are some, and not which.
    let skills = !skill_index.is_empty() || (!is_reachable && request.has_skills && !is_gone);
    let tools = catalogue::definitions(mode, Has { workspace: true, skills });
    let listed = pb::ListToolsResponse {
        tools,
        workspace_context: context.text,
        workspace_context_state: context.state.into(),
        skill_index,
        workspace_skills: context.skills,
        workspace_tools_state: workspace_tools_state.into(),
        ..pb::ListToolsResponse::default()
    };
    Ok((listed, found))
}

#[cfg(test)]
mod tests {
    use chatmesh_proto::common::v1::ToolDefinition;

    use super::*;

    fn tool(name: &str, size: usize) -> ToolDefinition {
        ToolDefinition { name: name.to_owned(), input_schema: "x".repeat(size), ..ToolDefinition::default() }
    }

    fn tools(prefix: &str, count: usize, size: usize) -> Vec<ToolDefinition> {
        (0..count).map(|number| tool(&format!("{prefix}__{number:03}"), size)).collect()
    }

    fn join(found: Vec<ToolDefinition>, outside: Vec<ToolDefinition>, slugs: &[&str]) -> pb::ListToolsResponse {
        let listed = pb::ListToolsResponse {
            tools: vec![tool("execute", 0)],
            workspace_context: "Here.".to_owned(),
            ..pb::ListToolsResponse::default()
        };
        let of_workspace = mcp::Found::of(found);
        let slugs = slugs.iter().map(ToString::to_string).collect();
        joined(listed, of_workspace, Offered { tools: outside, slugs, ..Offered::default() })
    }

    fn names(listed: &pb::ListToolsResponse) -> Vec<&str> {
        listed.tools.iter().map(|tool| tool.name.as_str()).collect()
    }

    /// A call of `github__delete` goes to the administrator's server: a file in the workspace does not say what it is for,
    /// also while that server lists nothing.
    #[test]
    fn a_workspace_does_not_describe_the_tools_of_a_server_outside() {
        let of_workspace = || vec![tool("git__log", 1), tool("github__delete", 1), tool("github__search", 1)];
        let listed = join(of_workspace(), vec![tool("github__search", 2)], &["github"]);
        assert_eq!(names(&listed), ["execute", "github__search", "git__log"]);
        assert_eq!((listed.tools[1].input_schema.len(), listed.workspace_tool_count), (2, 1));
        let silent = join(of_workspace(), Vec::new(), &["github", "other"]);
        assert_eq!(names(&silent), ["execute", "git__log"]);
        assert_eq!(silent.workspace_context, "Here.", "nothing is left out for want of room");
    }

    /// What is called like a tool of the workspace may go to an administrator's server of which nobody can say that it is
    /// there.
    #[test]
    fn where_the_servers_outside_are_not_known_the_workspace_describes_no_tool_of_theirs() {
        let join = |found: Vec<ToolDefinition>, context: &str| {
            let workspace_context = context.to_owned();
            let tools = vec![tool("execute", 0)];
            let listed = pb::ListToolsResponse { tools, workspace_context, ..pb::ListToolsResponse::default() };
            joined(listed, mcp::Found::of(found), Offered { is_unknown: true, ..Offered::default() })
        };
        let listed = join(vec![tool("git__log", 1)], "Here.");
        assert_eq!((names(&listed), listed.workspace_tool_count), (vec!["execute"], 0));
        assert_eq!(listed.workspace_context, format!("Here.\n\n{NOTHING_OUTSIDE}"));
        assert_eq!(join(Vec::new(), "").workspace_context, "", "a chat without a workspace has nothing to say it in");
    }

    /// Once, in chats without a workspace, too, and not in what the chat keeps of its workspace; the tools are the same.
    #[test]
    fn the_model_is_told_of_servers_to_which_the_user_has_to_connect_again() {
        let join = |context: &str, skill_index: &str, to_connect: &[&str]| {
            let listed = pb::ListToolsResponse {
                tools: vec![tool("execute", 0)],
                workspace_context: context.to_owned(),
                skill_index: skill_index.to_owned(),
                ..pb::ListToolsResponse::default()
            };
            let to_connect = to_connect.iter().map(ToString::to_string).collect();
            joined(listed, mcp::Found::default(), Offered { to_connect, ..Offered::default() })
        };
        for (context, skill_index) in [("Here.", "Skills."), ("", "")] {
            let plain = join(context, skill_index, &[]);
            assert_eq!((plain.workspace_context.as_str(), plain.skill_index.as_str()), (context, skill_index));
            let told = join(context, skill_index, &["github", "jira"]);
            assert_eq!((&told.tools, told.workspace_context.as_str()), (&plain.tools, context));
            assert!(told.skill_index.starts_with(skill_index), "{}", told.skill_index);
            for slug in ["github", "jira"] {
                let line =
                    format!("\n- server `{slug}`: what the user granted has ended; `chatmesh mcp connect {slug}`");
                assert_eq!(told.skill_index.matches(&line).count(), 1, "{}", told.skill_index);
            }
        }
        let slugs: Vec<String> = (10..30).map(|number| format!("s{number}")).collect();
        let many = join("", "", &slugs.iter().map(String::as_str).collect::<Vec<_>>());
        assert_eq!(many.skill_index.matches("\n- ").count(), 9, "{}", many.skill_index);
        assert!(many.skill_index.ends_with("\n- and more"));
    }

    /// Providers refuse every turn of a chat with more than 128 tools.
    #[test]
    fn tools_of_outside_and_of_the_workspace_share_one_room() {
        let listed = join(tools("w", 60, 10), tools("o", 80, 10), &["o"]);
        assert_eq!((listed.tools.len(), listed.workspace_tool_count), (101, 20));
        assert!(names(&listed)[1..81].iter().all(|name| name.starts_with("o__")));
        assert!(listed.workspace_context.starts_with("Here.\n\n40 more tools"), "{}", listed.workspace_context);
        let large = join(tools("w", 4, 60_000), tools("o", 3, 60_000), &["o"]);
        assert_eq!((large.tools.len(), large.workspace_tool_count), (5, 1));
    }
}
