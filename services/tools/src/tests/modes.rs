//! What chats of different modes may do.

use chatmesh_proto::agent::v1 as agent;
use chatmesh_proto::tools::v1::{CallToolRequest, ChatMode, WorkspaceToolsState};
use serde_json::{Value, json};

use super::lists::names;
use super::workspace::World;

const PLAN: &str = "/home/u/PLAN.md";

fn in_mode(mode: ChatMode, plan_path: &str) -> CallToolRequest {
    CallToolRequest { chat_mode: mode.into(), plan_path: plan_path.to_owned(), ..CallToolRequest::default() }
}

/// M10: the list that a chat gets is that of its mode, and tools of servers are in it only where the mode has them.
#[tokio::test(start_paused = true)]
async fn m10_a_chat_is_offered_the_tools_of_its_mode() {
    let world = World::new();
    world.has_tools(agent::McpDiscovery::Complete, &["srv__t"]);
    let looks = ["execute", "process_output", "read_file"];
    let plans = [
        "attach_file",
        "create_workspace",
        "edit_files",
        "execute",
        "list_templates",
        "process_output",
        "read_file",
        "read_template",
        "start_workspace",
        "stop_workspace",
        "write_file",
    ];
    for (mode, expected) in
        [(ChatMode::RootPlan, &plans[..]), (ChatMode::ChildPlan, &looks[..]), (ChatMode::Explore, &looks[..])]
    {
        world.workspace.asked();
        let listed = world.list_in(mode.into(), false).await;
        assert_eq!(names(&listed), expected, "{mode:?}");
        assert_eq!(listed.workspace_tools_state(), WorkspaceToolsState::Found, "there is nothing to search for");
        assert_eq!(world.workspace.asked(), [1, 0, 0], "{mode:?}: no server is asked");
    }
    let root = world.list(false).await;
    assert_eq!(world.list_in(ChatMode::Root.into(), false).await, root);
    let has_lifecycle = |name: &&str| name.ends_with("_workspace") || name.contains("_template");
    let of_child: Vec<&str> = names(&root).into_iter().filter(|name| !has_lifecycle(name)).collect();
    for mode in [ChatMode::Child, ChatMode::ComputerUse] {
        assert_eq!(names(&world.list_in(mode.into(), false).await), of_child, "{mode:?}");
    }
    assert!(names(&root).contains(&"srv__t"));
    assert!(world.list_in(99, true).await.tools.is_empty(), "a mode that is not known");
}

/// M10: what a chat was not offered is not done for it either, whatever its model writes.
#[tokio::test(start_paused = true)]
async fn m10_a_tool_that_was_not_offered_is_not_run() {
    let world = World::new();
    let looks = "execute, process_output, read_file, read_skill, read_skill_file";
    let plans = "attach_file, create_workspace, edit_files, execute, list_templates, process_output, read_file, \
                 read_skill, read_skill_file, read_template, start_workspace, stop_workspace, write_file";
    for (mode, name, has) in [
        (ChatMode::Explore, "write_file", looks),
        (ChatMode::Explore, "attach_file", looks),
        (ChatMode::ChildPlan, "edit_files", looks),
        (ChatMode::RootPlan, "process_signal", plans),
        (ChatMode::RootPlan, "srv__t", plans),
        (ChatMode::RootPlan, "a_tool_of_the_future", plans),
    ] {
        let called = world.call_with(name, "{}", in_mode(mode, PLAN)).await;
        let error = format!("this chat has no tool `{name}`; it has {has}");
        assert_eq!(called, (json!({ "error": error }), true), "{mode:?}");
    }
    let unknown = CallToolRequest { chat_mode: 99, ..CallToolRequest::default() };
    let called = world.call_with("execute", r#"{"command": "true"}"#, unknown).await;
    assert_eq!(called, (json!({"error": "this chat has no tool `execute`, and no other"}), true));
    assert_eq!(world.workspace.asked(), [0, 0, 0]);
}

/// A chat that plans writes its plan, and nothing besides; also a link in the plan's place leads nowhere.
#[tokio::test(start_paused = true)]
async fn a_chat_that_plans_writes_its_plan_only() {
    let world = World::new();
    let write = async |mode: ChatMode, plan: &str, path: &str| {
        let args = json!({"path": path, "content": "# Plan"}).to_string();
        world.call_with("write_file", &args, in_mode(mode, plan)).await
    };
    assert_eq!(write(ChatMode::RootPlan, PLAN, PLAN).await, (json!({"ok": true}), false));
    assert_eq!(write(ChatMode::Root, PLAN, "/w/a").await, (json!({"ok": true}), false), "one that does not plan");
    let error = |text: &str| (json!({ "error": text }), true);
    let only = "this chat plans: of all files it may change its plan `/home/u/PLAN.md` only, not `/w/a`";
    assert_eq!(write(ChatMode::RootPlan, PLAN, "/w/a").await, error(only));
    let none = "this chat plans and has no file for its plan yet: no file can be changed now";
    assert_eq!(write(ChatMode::RootPlan, "", "/w/a").await, error(none));

    let edits = |path: &str| json!({"path": path, "search": "a", "replace": "b"});
    let both: Value = json!({"edits": [edits(PLAN), edits("/w/a")]});
    assert_eq!(world.call_with("edit_files", &both.to_string(), in_mode(ChatMode::RootPlan, PLAN)).await, error(only));

    world.workspace.has.lock().files.links = vec![(PLAN, "/w/a")];
    let link = "this chat plans and may change its plan `/home/u/PLAN.md` only, which leads to `/w/a` by a symbolic \
                link: tell the user";
    assert_eq!(write(ChatMode::RootPlan, PLAN, PLAN).await, error(link));
    let has = world.workspace.has.lock();
    assert_eq!((has.files.written.len(), has.files.edited.len()), (2, 0));
}
