//! What a turn is told at its beginning.

use std::time::Duration;

use chatmesh_proto::agent::v1 as agent;
use chatmesh_proto::tools::v1 as pb;
use chatmesh_proto::tools::v1::{ListToolsResponse, WorkspaceContextState, WorkspaceToolsState};
use tokio::time::Instant;

use super::workspace::{Mood, World};

fn tool(name: &str) -> agent::McpTool {
    let input_schema_json = r#"{"type":"object","properties":{}}"#.to_owned();
    agent::McpTool { name: name.to_owned(), input_schema_json, ..agent::McpTool::default() }
}

impl World {
    pub(super) fn has_context(&self, instructions: &str, skills: &[&str]) {
        let file = agent::InstructionFile {
            path: "/w/AGENTS.md".to_owned(),
            content: instructions.to_owned(),
            truncated: false,
        };
        let skill = |name: &&str| agent::Skill { name: (*name).to_owned(), ..agent::Skill::default() };
        let mut has = self.workspace.has.lock();
        has.context.working_dir = "/w".to_owned();
        has.context.instruction_files = if instructions.is_empty() { vec![] } else { vec![file] };
        has.context.skills = skills.iter().map(skill).collect();
    }

    pub(super) fn has_tools(&self, discovery: agent::McpDiscovery, names: &[&str]) {
        let tools = names.iter().map(|name| tool(name)).collect();
        let listed = agent::ListMcpToolsResponse { tools, discovery: discovery.into(), ..Default::default() };
        self.workspace.has.lock().tools = listed;
    }

    pub(super) fn is(&self, mood: Mood) {
        self.workspace.has.lock().mood = mood;
    }
}

pub(super) fn names(listed: &ListToolsResponse) -> Vec<&str> {
    listed.tools.iter().map(|tool| tool.name.as_str()).collect()
}

const BUILTIN: [&str; 13] = [
    "attach_file",
    "create_workspace",
    "edit_files",
    "execute",
    "list_templates",
    "process_list",
    "process_output",
    "process_signal",
    "read_file",
    "read_template",
    "start_workspace",
    "stop_workspace",
    "write_file",
];
const WITH_SKILLS: [&str; 15] = [
    "attach_file",
    "create_workspace",
    "edit_files",
    "execute",
    "list_templates",
    "process_list",
    "process_output",
    "process_signal",
    "read_file",
    "read_skill",
    "read_skill_file",
    "read_template",
    "start_workspace",
    "stop_workspace",
    "write_file",
];

/// G14: nothing of the context is remembered. Tools of servers are: they cost nobody a question.
#[tokio::test(start_paused = true)]
async fn g14_the_context_is_read_anew_and_tools_are_not_asked_for_twice() {
    let world = World::new();
    world.has_context("Use make.", &["deploy"]);
    world.has_tools(agent::McpDiscovery::Complete, &["b__two", "a__one"]);
    let listed = world.list(false).await;
    assert_eq!(listed.workspace_context_state(), WorkspaceContextState::Found);
    assert!(listed.workspace_context.contains("Working directory: /w"), "{}", listed.workspace_context);
    assert!(listed.workspace_context.contains("path=\"/w/AGENTS.md\">\nUse make.\n"), "{}", listed.workspace_context);
    assert!(listed.skill_index.contains("- deploy: "), "{}", listed.skill_index);
    assert_eq!(listed.workspace_tools_state(), WorkspaceToolsState::Found);
    assert_eq!(names(&listed), [&WITH_SKILLS[..], &["a__one", "b__two"]].concat());
    assert_eq!(world.workspace.asked(), [1, 0, 1], "nobody waits for an agent that is there");

    world.has_context("Use cargo.", &[]);
    let listed = world.list(false).await;
    assert!(listed.workspace_context.contains("\nUse cargo.\n") && listed.skill_index.is_empty());
    assert_eq!(names(&listed), [&BUILTIN[..], &["a__one", "b__two"]].concat(), "skills are gone, and their tools");
    assert_eq!(world.workspace.asked(), [1, 0, 0]);
}

/// C12: "there is nothing" is an answer, and no answer is none.
#[tokio::test(start_paused = true)]
async fn c12_nothing_there_and_nobody_there_are_two_things() {
    let world = World::new();
    world.has_context("", &[]);
    assert_eq!(world.list(false).await.workspace_context_state(), WorkspaceContextState::Empty);
    for mood in [Mood::Stopped, Mood::Away, Mood::Silent, Mood::Breaks] {
        world.is(mood);
        let listed = world.list(false).await;
        assert_eq!(listed.workspace_context_state(), WorkspaceContextState::Unreachable, "{mood:?}");
        assert!(listed.workspace_context.starts_with("You have a workspace, but it"), "{}", listed.workspace_context);
        assert_eq!(listed.workspace_tools_state(), WorkspaceToolsState::Unknown, "{mood:?}");
        assert_eq!(names(&listed), BUILTIN);
        assert_eq!(names(&world.list(true).await), WITH_SKILLS, "{mood:?}: what the chat knows stays");
    }
}

/// C11, G5: a stopped workspace costs one question and no wait; one that does not answer holds nobody up for long.
#[tokio::test(start_paused = true)]
async fn c11_a_workspace_that_is_not_there_does_not_hold_a_turn_up() {
    let world = World::new();
    for (mood, longest, asked) in [
        (Mood::Stopped, Duration::ZERO, [1, 0, 0]),
        (Mood::Away, Duration::from_secs(3), [1, 1, 0]),
        (Mood::Silent, Duration::from_secs(3), [1, 0, 0]),
        (Mood::Breaks, Duration::ZERO, [1, 1, 0]),
    ] {
        world.is(mood);
        let began = Instant::now();
        world.list(false).await;
        assert!(began.elapsed() <= longest + Duration::from_millis(10), "{mood:?}: {:?}", began.elapsed());
        assert_eq!(world.workspace.asked(), asked, "{mood:?}");
    }
}

/// C11: a replica that is replaced while a turn begins is no reason to know nothing of the workspace, nor to wait long.
#[tokio::test(start_paused = true)]
async fn c11_whoever_knows_the_agent_is_asked_again_where_nobody_is_there() {
    let world = World::new();
    world.has_context("Use make.", &[]);
    world.workspace.has.lock().unanswered = 2;
    let listed = world.list(false).await;
    assert_eq!(listed.workspace_context_state(), WorkspaceContextState::Found);
    assert!(listed.workspace_context.contains("Use make."), "{}", listed.workspace_context);
    assert_eq!(world.workspace.asked()[0], 3);

    world.workspace.has.lock().unanswered = usize::MAX;
    let began = Instant::now();
    let listed = world.list(false).await;
    assert_eq!(listed.workspace_context_state(), WorkspaceContextState::Unreachable);
    assert!(listed.workspace_context.contains("does not answer"), "{}", listed.workspace_context);
    assert!(began.elapsed() <= Duration::from_millis(3010), "{:?}", began.elapsed());
}

/// G16: servers that still connect are waited for a moment and no longer, and what is not whole is not remembered.
#[tokio::test(start_paused = true)]
async fn g16_servers_that_still_connect_hold_a_turn_up_for_a_moment_only() {
    let world = World::new();
    world.has_context("Use make.", &[]);
    world.has_tools(agent::McpDiscovery::Unknown, &["a__one"]);
    let began = Instant::now();
    let listed = world.list(false).await;
    assert!(began.elapsed() <= Duration::from_millis(1010), "{:?}", began.elapsed());
    assert_eq!(listed.workspace_tools_state(), WorkspaceToolsState::Unknown);
    assert_eq!(names(&listed), [&BUILTIN[..], &["a__one"]].concat(), "what there is can be used");

    world.has_tools(agent::McpDiscovery::Complete, &[]);
    for _ in 0..2 {
        world.workspace.asked();
        assert_eq!(world.list(false).await.workspace_tools_state(), WorkspaceToolsState::Empty);
        assert_eq!(world.workspace.asked(), [1, 0, 1], "an empty list is not remembered");
    }
}

/// Tools that were found stay for as long as they are remembered, so that a blip does not change the prompt; after a
/// minute they are asked for.
#[tokio::test(start_paused = true)]
async fn tools_that_were_found_outlast_a_blip() {
    let world = World::new();
    world.has_tools(agent::McpDiscovery::Complete, &["a__one"]);
    world.list(false).await;
    world.is(Mood::Away);
    let listed = world.list(false).await;
    assert_eq!(listed.workspace_tools_state(), WorkspaceToolsState::Found);
    assert_eq!(names(&listed), [&BUILTIN[..], &["a__one"]].concat());
}

/// C13 through the door: what a search finds is there for the next list at no cost.
#[tokio::test(start_paused = true)]
async fn c13_what_a_search_finds_is_listed_at_once() {
    let world = World::new();
    world.has_tools(agent::McpDiscovery::Complete, &["a__one"]);
    let found = world.discover(false).await;
    assert_eq!((found.workspace_tools_state(), found.reachable), (WorkspaceToolsState::Found, true));
    world.workspace.asked();
    assert_eq!(world.list(false).await.workspace_tools_state(), WorkspaceToolsState::Found);
    assert_eq!(world.workspace.asked(), [1, 0, 0]);
}

/// Whoever lacks the context is not told that the workspace answers because its tools are remembered.
#[tokio::test(start_paused = true)]
async fn what_is_remembered_is_no_sign_of_life() {
    let world = World::new();
    world.has_tools(agent::McpDiscovery::Complete, &["a__one"]);
    world.list(false).await;
    world.is(Mood::Away);
    let back = async {
        tokio::time::sleep(Duration::from_secs(5)).await;
        world.is(Mood::Well);
    };
    let began = Instant::now();
    let (found, ()) = tokio::join!(world.discover(true), back);
    assert_eq!((found.workspace_tools_state(), found.reachable), (WorkspaceToolsState::Found, true));
    assert!(began.elapsed() >= Duration::from_secs(5), "{:?}", began.elapsed());
    world.is(Mood::Away);
    let found = world.discover(true).await;
    assert!(!found.reachable, "{found:?}");
}

/// C13, G15: a workspace that has long been there without servers is asked once a turn, and once a minute within one.
/// One that has just come is asked until they come.
#[tokio::test(start_paused = true)]
async fn c13_a_workspace_without_servers_is_left_alone() {
    let world = World::new();
    world.has_tools(agent::McpDiscovery::Complete, &[]);
    world.workspace.has.lock().here_for = Some(Duration::from_secs(600));
    for _ in 0..3 {
        assert_eq!(world.list(false).await.workspace_tools_state(), WorkspaceToolsState::Empty);
        world.workspace.asked();
        let began = Instant::now();
        let found = world.discover(false).await;
        assert_eq!((found.workspace_tools_state(), found.reachable), (WorkspaceToolsState::Empty, true));
        assert_eq!((began.elapsed(), world.workspace.asked()), (Duration::ZERO, [1, 0, 0]), "known from the list");
    }
    world.has_tools(agent::McpDiscovery::Complete, &["a__one"]);
    assert_eq!(world.list(false).await.workspace_tools_state(), WorkspaceToolsState::Found, "the next turn asks");
    assert_eq!(world.discover(false).await.workspace_tools_state(), WorkspaceToolsState::Found);

    let young = World::new();
    young.has_tools(agent::McpDiscovery::Complete, &[]);
    young.workspace.has.lock().here_for = Some(Duration::from_secs(60));
    young.list(false).await;
    young.workspace.asked();
    assert_eq!(young.discover(false).await.workspace_tools_state(), WorkspaceToolsState::Empty);
    assert_eq!(young.workspace.asked()[2], 15, "it is looked for");
}

/// A deleted workspace does not come back: what was known of it is of no use any more.
#[tokio::test(start_paused = true)]
async fn a_workspace_that_is_gone_is_said_to_be_gone() {
    let world = World::new();
    world.workspace.has.lock().is_deleted = true;
    let listed = world.list(true).await;
    assert_eq!(listed.workspace_context_state(), WorkspaceContextState::Gone);
    assert!(listed.workspace_context.contains("it is gone") && listed.skill_index.is_empty());
    assert_eq!(names(&listed), BUILTIN, "nor are its skills offered");
}

/// Tools stand in every prompt: a file of the workspace does not decide how long that is.
#[tokio::test(start_paused = true)]
async fn tools_for_which_there_is_no_room_are_counted() {
    let world = World::new();
    let tools: Vec<String> = (0..130).map(|number| format!("s__{number:03}")).collect();
    world.has_tools(agent::McpDiscovery::Complete, &tools.iter().map(String::as_str).collect::<Vec<_>>());
    for _ in 0..2 {
        let listed = world.list(false).await;
        assert_eq!(names(&listed).len(), BUILTIN.len() + 100);
        assert!(listed.workspace_context.contains("\n\n30 more tools"), "{}", listed.workspace_context);
    }
}

/// Who asks the model why a tool is missing gets an answer, also of a list that is remembered.
#[tokio::test(start_paused = true)]
async fn servers_that_do_not_work_are_told_with_the_reason() {
    for tools in [&["one__a"][..], &[]] {
        let world = World::new();
        world.has_tools(agent::McpDiscovery::Complete, tools);
        let listed = world.list(false).await;
        assert!(!listed.workspace_context.contains("MCP"), "{}", listed.workspace_context);

        let world = World::new();
        world.has_tools(agent::McpDiscovery::Complete, tools);
        let failed = agent::McpServer {
            name: "two".to_owned(),
            state: agent::McpServerState::Failed.into(),
            error: "`two-server` can not be started: No such file or directory".to_owned(),
            tool_count: 0,
        };
        world.workspace.has.lock().tools.servers = vec![failed];
        for _ in 0..2 {
            let listed = world.list(false).await;
            let told = &listed.workspace_context;
            assert!(told.contains("\n- server `two`: `two-server` can not be started: No such file"), "{told}");
        }
    }
}

fn summary(name: &str) -> pb::SkillSummary {
    pb::SkillSummary { name: name.to_owned(), description: format!("How to {name}.") }
}

fn skill_lines(listed: &ListToolsResponse) -> Vec<&str> {
    listed.skill_index.lines().filter(|line| line.starts_with("- ")).collect()
}

/// M10: the tools for skills are there where any skill is, and one list has them all.
#[tokio::test(start_paused = true)]
async fn skills_of_the_user_are_listed_with_a_workspace_and_without() {
    let world = World::new();
    let asked = |workspace_id: &str, personal: &[&str], known: &[&str]| pb::ListToolsRequest {
        chat_id: "chat-1".to_owned(),
        workspace_id: workspace_id.to_owned(),
        personal_skills: personal.iter().map(|name| summary(name)).collect(),
        known_skills: known.iter().map(|name| summary(name)).collect(),
        has_skills: !known.is_empty(),
        ..pb::ListToolsRequest::default()
    };
    let readers =
        |listed: &ListToolsResponse| names(listed).iter().filter(|name| name.starts_with("read_skill")).count();

    let without = world.listed(asked("", &["deploy"], &[])).await;
    assert_eq!((skill_lines(&without), readers(&without)), (vec!["- deploy: How to deploy."], 2));
    let nothing = world.listed(asked("", &[], &[])).await;
    assert_eq!((nothing.skill_index.as_str(), readers(&nothing)), ("", 0));

    world.has_context("", &["deploy", "fix"]);
    let both = world.listed(asked("workspace-1", &["deploy", "write"], &[])).await;
    let expected = ["- personal/deploy: How to deploy.", "- write: How to write.", "- workspace/deploy: ", "- fix: "];
    assert_eq!((skill_lines(&both), readers(&both)), (expected.to_vec(), 2));
    assert_eq!(both.workspace_skills.iter().map(|skill| skill.name.as_str()).collect::<Vec<_>>(), ["deploy", "fix"]);

    world.is(Mood::Away);
    let away = world.listed(asked("workspace-1", &["deploy"], &["deploy"])).await;
    let expected = ["- personal/deploy: How to deploy.", "- workspace/deploy: How to deploy."];
    assert_eq!((skill_lines(&away), readers(&away)), (expected.to_vec(), 2), "as the workspace last said");
    assert_eq!(away.workspace_skills, [], "it did not say so now");
}
