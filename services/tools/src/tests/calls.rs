//! Calls of tools that servers in the workspace have.

use std::time::Duration;

use chatmesh_proto::agent::v1 as agent;
use chatmesh_proto::tools::v1::{WorkspaceContextState, WorkspaceToolsState};
use chatmesh_rpc::{Code, status_with_reason};
use serde_json::json;
use tokio::time::Instant;

use super::workspace::{Mood, World};

fn says(text: &str) -> agent::CallMcpToolResponse {
    let content = agent::McpContent {
        kind: agent::McpContentKind::Text.into(),
        text: text.to_owned(),
        ..agent::McpContent::default()
    };
    agent::CallMcpToolResponse { content: vec![content], ..agent::CallMcpToolResponse::default() }
}

#[tokio::test(start_paused = true)]
async fn a_call_carries_its_arguments_and_its_key() {
    let world = World::new();
    world.workspace.has.lock().answer = Some(Ok(says("found it")));
    let (result, is_error) = world.call("git__hub__search", &json!({"q": "é"})).await;
    assert_eq!((result, is_error), (json!({"success": true, "output": "found it"}), false));
    let called = world.workspace.has.lock().called.clone();
    let expected = agent::CallMcpToolRequest {
        name: "git__hub__search".to_owned(),
        arguments_json: r#"{"q":"é"}"#.to_owned(),
        tool_call_id: "chat-1/2/call-1".to_owned(),
    };
    assert_eq!(called, [expected]);
}

/// G20: the connection breaks after the call was sent: it is not made again, and its outcome is said to be unknown.
#[tokio::test(start_paused = true)]
async fn g20_a_call_whose_answer_was_lost_is_not_made_again() {
    let world = World::new();
    world.workspace.has.lock().answer = Some(Ok(says("done")));
    world.call("srv__t", &json!({})).await;
    world.workspace.has.lock().mood = Mood::Breaks;
    let (result, is_error) = world.call("srv__t", &json!({})).await;
    assert!(is_error && result["error"].as_str().is_some_and(|error| error.contains("not known")), "{result}");
    assert_eq!(world.workspace.has.lock().called.len(), 2, "once each");
}

/// Nothing of it has reached an agent that was not connected: the call waits for the agent.
#[tokio::test(start_paused = true)]
async fn a_call_that_cannot_have_arrived_waits_for_the_agent() {
    let world = World::new();
    world.workspace.has.lock().answer = Some(Ok(says("done")));
    world.call("srv__t", &json!({})).await;
    world.workspace.has.lock().mood = Mood::Away;
    let back = async {
        tokio::time::sleep(Duration::from_secs(3)).await;
        world.workspace.has.lock().mood = Mood::Well;
    };
    let nothing = json!({});
    let ((result, is_error), ()) = tokio::join!(world.call("srv__t", &nothing), back);
    assert!(!is_error, "{result}");
}

/// G4: a workspace that was stopped and started has another agent: its chats go on with that one.
#[tokio::test(start_paused = true)]
async fn g4_a_workspace_that_was_stopped_and_started_is_found_by_its_chats() {
    let world = World::new();
    world.workspace.has.lock().answer = Some(Ok(says("done")));
    world.call("srv__t", &json!({})).await;
    world.workspace.has.lock().restarts = 1;
    world.workspace.asked();
    let began = Instant::now();
    let (result, is_error) = world.call("srv__t", &json!({})).await;
    assert!(!is_error, "{result}");
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
    assert_eq!(world.list(false).await.workspace_context_state(), WorkspaceContextState::Empty);
    // From here on it is the new one that is remembered.
    world.workspace.asked();
    let began = Instant::now();
    assert!(!world.call("srv__t", &json!({})).await.1);
    assert_eq!((began.elapsed(), world.workspace.asked()), (Duration::ZERO, [0, 0, 0]));
}

/// Longer than any wait may be.
const LONG: Duration = Duration::from_secs(600);

/// G6: whoever is not there is waited for half a minute, and one that says nothing as long as a tool may take.
#[tokio::test(start_paused = true)]
async fn g6_a_call_ends_whatever_its_agent_does() {
    for (mood, tool, longest) in [
        (Mood::Away, "srv__t", 45),
        (Mood::Away, "read_skill", 45),
        (Mood::Silent, "srv__t", 70),
        (Mood::Silent, "read_skill", 31),
        (Mood::Silent, "read_skill_file", 31),
        (Mood::Breaks, "read_skill", 75),
    ] {
        let world = World::new();
        world.workspace.has.lock().mood = mood;
        let began = Instant::now();
        let arguments = json!({"name": "deploy", "path": "run.sh"});
        let called = tokio::time::timeout(LONG, world.call(tool, &arguments)).await;
        let (result, is_error) = called.expect("it ends");
        assert!(is_error && result["error"].is_string(), "{mood:?} {tool}: {result}");
        let took = began.elapsed();
        assert!(took <= Duration::from_secs(longest), "{mood:?} {tool}: {took:?}");
    }
}

/// A server that is gone is gone from the next list as well.
#[tokio::test(start_paused = true)]
async fn tools_of_a_server_that_is_gone_are_asked_for_anew() {
    let world = World::new();
    let tool =
        agent::McpTool { name: "srv__t".to_owned(), input_schema_json: "{}".to_owned(), ..agent::McpTool::default() };
    {
        let mut has = world.workspace.has.lock();
        has.tools.set_discovery(agent::McpDiscovery::Complete);
        has.tools.tools = vec![tool];
        let message = "there is no MCP server `srv` in this workspace";
        has.answer = Some(Err(status_with_reason(Code::NotFound, "MCP_SERVER_UNKNOWN", "chatmesh.agent.v1", message)));
    }
    assert_eq!(world.list(false).await.workspace_tools_state(), WorkspaceToolsState::Found);
    let (result, is_error) = world.call("srv__t", &json!({})).await;
    assert_eq!((result, is_error), (json!({"error": "there is no MCP server `srv` in this workspace"}), true));
    world.workspace.has.lock().tools.tools.clear();
    assert_eq!(world.list(false).await.workspace_tools_state(), WorkspaceToolsState::Empty);
}

/// M14: a tool whose name no provider takes is offered under another one, and called by its own.
#[tokio::test(start_paused = true)]
async fn m14_a_tool_that_is_offered_under_another_name_is_called_by_its_own() {
    let world = World::new();
    let tool = |name: &str| agent::McpTool {
        name: name.to_owned(),
        input_schema_json: "{}".to_owned(),
        ..agent::McpTool::default()
    };
    {
        let mut has = world.workspace.has.lock();
        has.tools.set_discovery(agent::McpDiscovery::Complete);
        has.tools.tools = vec![tool("GitHub Copilot__get.file"), tool("GitHub.Copilot__get file")];
        has.answer = Some(Ok(says("found it")));
    }
    let listed = world.list(false).await;
    let offered: Vec<&str> =
        listed.tools.iter().map(|tool| tool.name.as_str()).filter(|name| name.contains("__")).collect();
    assert!(offered.len() == 2 && offered.iter().all(|name| name.starts_with("GitHub_Copilot__get_file_")));
    // First where only the agent knows, then where it is remembered.
    for _ in 0..2 {
        for name in &offered {
            let (result, is_error) = world.call(name, &json!({})).await;
            assert!(!is_error, "{result}");
        }
    }
    let mut called: Vec<String> = world.workspace.has.lock().called.drain(..).map(|call| call.name).collect();
    called.sort_unstable();
    called.dedup();
    assert_eq!(called, ["GitHub Copilot__get.file", "GitHub.Copilot__get file"]);

    let (result, is_error) = world.call("GitHub_Copilot__gone_0123456789", &json!({})).await;
    assert!(is_error && result["error"].as_str().is_some_and(|error| error.contains("there is no tool")), "{result}");
    assert_eq!(world.workspace.has.lock().called.len(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_name_that_is_nobodys_is_not_asked_for() {
    let world = World::new();
    let (result, is_error) = world.call("dance", &json!({})).await;
    assert!(is_error && result["error"].as_str().is_some_and(|error| error.contains("read_skill_file")), "{result}");
    assert_eq!(world.workspace.asked(), [0, 0, 0]);
}
