use std::collections::BTreeSet;

use chatmesh_proto::tools::v1::McpAvailability::{DefaultOff, DefaultOn, ForceOn};

use super::*;
use crate::servers::testing::{server, tool};

const MODES: [ChatMode; 6] = [
    ChatMode::Root,
    ChatMode::RootPlan,
    ChatMode::Child,
    ChatMode::ChildPlan,
    ChatMode::Explore,
    ChatMode::ComputerUse,
];

fn modes(server: &Server, is_chosen: bool) -> [bool; 6] {
    let choice = if is_chosen { chosen(server) } else { Choice::Of(HashSet::new()) };
    MODES.map(|mode| has(server, &choice, Some(mode)))
}

fn chosen(server: &Server) -> Choice {
    Choice::Of(HashSet::from([server.id.to_string()]))
}

fn with(availability: McpAvailability, allow_in_plan_mode: bool) -> Server {
    let mut server = server("one");
    server.settings.availability = availability.into();
    server.settings.allow_in_plan_mode = allow_in_plan_mode;
    server
}

/// M10: the row of external MCP tools in the table of modes.
#[test]
fn m10_chats_have_the_servers_that_their_mode_allows() {
    for (server, chosen, expected) in [
        //                                  root, plans, child, of a plan, explores, desktop
        (with(ForceOn, false), false, [true, false, true, false, false, true]),
        (with(ForceOn, true), false, [true, true, true, false, false, true]),
        (with(DefaultOn, true), false, [false; 6]),
        (with(DefaultOff, true), false, [false; 6]),
        (with(DefaultOn, false), true, [true, false, true, false, true, true]),
        (with(DefaultOff, true), true, [true, true, true, false, true, true]),
    ] {
        assert_eq!(modes(&server, chosen), expected, "{:?} {chosen}", server.settings.availability());
    }
}

/// M11: a chat that explores has what was written down for it, and a server that is on for all since then is none of it.
#[test]
fn m11_what_a_chat_explores_with_is_not_widened_by_a_later_configuration() {
    let later = with(ForceOn, true);
    assert!(!has(&later, &Choice::Of(HashSet::new()), Some(ChatMode::Explore)));
    assert!(!has(&with(DefaultOn, true), &Choice::Defaults, Some(ChatMode::Explore)));
    let granted = with(DefaultOff, false);
    assert!(has(&granted, &chosen(&granted), Some(ChatMode::Explore)));
}

/// M12: a server that is on for all chats cannot be left out by a choice, and one that is off is in none.
#[test]
fn m12_force_on_cannot_be_removed_and_disabled_servers_are_in_no_chat() {
    let forced = with(ForceOn, false);
    for choice in [Choice::Of(HashSet::new()), chosen(&with(DefaultOff, false)), Choice::Defaults] {
        assert!(has(&forced, &choice, Some(ChatMode::Root)));
    }
    let disabled = Server { enabled: false, ..with(ForceOn, true) };
    assert_eq!((modes(&disabled, true), modes(&disabled, false)), ([false; 6], [false; 6]));
}

#[test]
fn a_mode_that_is_not_known_has_no_server() {
    let server = with(ForceOn, true);
    assert!(!has(&server, &chosen(&server), None));
}

#[test]
fn a_chat_that_chose_nothing_has_the_servers_that_are_on_by_default() {
    let by_default = |server: &Server| has(server, &Choice::Defaults, Some(ChatMode::Root));
    assert!(by_default(&with(DefaultOn, false)));
    assert!(!by_default(&with(DefaultOff, false)));
}

/// M12: with both lists, only what is allowed and not denied is offered; names are the server's own.
#[test]
fn m12_a_denied_tool_is_denied_also_where_it_is_allowed() {
    let mut server = server("one");
    let tools = ["read", "write", "Read", "delete"].map(tool);
    let names = |server: &Server| {
        let offered = tools_of(server, &tools);
        offered.tools.into_iter().map(|tool| tool.name).collect::<Vec<_>>()
    };
    server.settings.tool_allow_list = vec!["read".to_owned(), "write".to_owned()];
    assert_eq!(names(&server), ["one__read", "one__write"]);
    server.settings.tool_deny_list = vec!["write".to_owned()];
    assert_eq!(names(&server), ["one__read"]);
    server.settings.tool_allow_list.clear();
    assert_eq!(names(&server), ["one__Read", "one__delete", "one__read"]);
    assert!(!allows(&server, "write"), "a model may name what it was not offered");
}

/// M14: tools whose names providers do not take, or which would be called the same, have names of their own.
#[test]
fn m14_names_are_unique_after_sanitising_and_lead_back() {
    let server = server("one");
    let long = "x".repeat(100);
    let tools = ["a.b", "a b", "a_b", &long, &format!("{long}y"), "ü"].map(tool);
    let offered = tools_of(&server, &tools);
    let names: BTreeSet<&str> = offered.tools.iter().map(|tool| tool.name.as_str()).collect();
    assert_eq!(names.len(), tools.len(), "{names:?}");
    assert!(names.iter().all(|name| name.len() <= 64 && name.starts_with("one__")), "{names:?}");
    let originals: BTreeSet<&str> = offered.originals.values().map(String::as_str).collect();
    assert_eq!(originals, tools.iter().map(|tool| tool.name.as_str()).collect());
    assert!(offered.tools.is_sorted_by_key(|tool| tool.name.clone()));
    let mut reversed = tools;
    reversed.reverse();
    assert_eq!(tools_of(&server, &reversed), offered, "prompts stay the same in whatever order a server lists");
}

#[test]
fn a_tool_without_a_usable_schema_is_left_out() {
    let broken = RemoteTool { schema: "[]".to_owned(), ..tool("broken") };
    let offered = tools_of(&server("one"), &[broken, tool("fine")]);
    assert_eq!((offered.tools.len(), offered.left_out), (1, 1));
}

#[test]
fn the_sentence_of_the_model_is_asked_for_where_it_is_wanted() {
    let mut server = server("one");
    server.settings.model_intent = true;
    let offered = tools_of(&server, &[tool("read")]);
    assert!(offered.tools[0].input_schema.contains("model_intent"));
}
