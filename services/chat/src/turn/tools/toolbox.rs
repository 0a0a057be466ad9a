//! The tools of a turn, and who runs which.

use std::collections::HashSet;

use chatmesh_core::Uuid;
use chatmesh_proto::common::v1::{ToolCall, ToolDefinition};
use chatmesh_proto::tools::v1::ListToolsResponse;
use serde_json::{Map, Value};

use super::primer::Missing;
use super::room::{Guests, LeftOut};

/// Stands for all tools of outside servers: their names are not ours to count by.
const OUTSIDE: &str = "mcp";
/// Stands for the client's tools.
const CLIENT: &str = "client";
/// Stands for names that a model made up.
const UNKNOWN: &str = "unknown";
/// What the name of an outside server's tool has between the two names.
const SEPARATOR: &str = "__";

/// The tools that a model is offered.
#[derive(Debug, Clone, Default, PartialEq)]
pub(in crate::turn) struct Toolbox {
    /// What the model is told, the mesh's tools first.
    pub(in crate::turn) definitions: Vec<ToolDefinition>,
    mesh: HashSet<String>,
    client: HashSet<String>,
    /// False where nobody could say which tools the mesh has.
    is_known: bool,
    /// What nobody could say of the workspace.
    pub(in crate::turn) missing: Missing,
    /// The workspace that the mesh's tools act on.
    pub(in crate::turn) workspace_id: Option<Uuid>,
    left_out: LeftOut,
}

/// What becomes of a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::turn) enum Fate {
    /// The mesh runs it.
    Run,
    /// The client runs it.
    HandOver,
    /// Nobody does; the model is told why.
    Refuse(String),
}

impl Toolbox {
    /// The tools of the mesh, `None` where they are not known, and behind them the client's. Where names are the same,
    /// the mesh's tool counts, with those of servers that an administrator configured, but the client's before one of a
    /// server in the workspace: whoever writes a file there does not take the client's place. Of too many, see [`Guests`].
    pub(in crate::turn) fn new(
        mesh: Option<ListToolsResponse>,
        client: Vec<ToolDefinition>,
        workspace_id: Option<Uuid>,
    ) -> Self {
        let is_known = mesh.is_some();
        let missing = mesh.as_ref().map(Missing::of).unwrap_or_default();
        let listed = mesh.unwrap_or_default();
        let mut configured = listed.tools;
        let of_workspace = usize::try_from(listed.workspace_tool_count).unwrap_or(usize::MAX);
        let mut workspace = configured.split_off(configured.len().saturating_sub(of_workspace));
        let names = |tools: &[ToolDefinition]| tools.iter().map(|tool| tool.name.clone()).collect::<HashSet<_>>();
        // Also those that there is no room for: a call of an earlier turn is the client's to carry out.
        let mut of_client = names(&client);
        let mut client = client;
        workspace.retain(|tool| client.iter().all(|other| other.name != tool.name));
        client.retain(|tool| configured.iter().all(|other| other.name != tool.name));
        let (mut definitions, outside): (Vec<_>, Vec<_>) =
            configured.into_iter().partition(|tool| !is_outside(&tool.name));
        let mut guests = Guests { client, outside, workspace };
        let left_out = guests.bound(definitions.len());
        definitions.append(&mut guests.outside);
        definitions.append(&mut guests.workspace);
        let mesh = names(&definitions);
        // One that gave way to a tool for which there is no room is the client's all the same.
        of_client.retain(|name| !mesh.contains(name));
        definitions.append(&mut guests.client);
        Self { definitions, mesh, client: of_client, is_known, missing, workspace_id, left_out }
    }

    /// What the model is told of tools that there is no room for; `None` where all are offered.
    pub(in crate::turn) fn note(&self) -> Option<String> {
        self.left_out.note()
    }

    /// Who runs a call.
    pub(in crate::turn) fn fate(&self, call: &ToolCall) -> Fate {
        let name = call.name.as_str();
        let is_clients = self.client.contains(name);
        // A tool of a server may be there though nobody could say so.
        let is_known = self.is_known && !(self.missing.tools && is_outside(name));
        if !is_clients && is_known && !self.mesh.contains(name) {
            return Fate::Refuse(format!("there is no tool `{name}`: it was not found among the tools of this chat"));
        }
        if let Err(error) = serde_json::from_str::<Map<String, Value>>(arguments(call)) {
            return Fate::Refuse(format!("the arguments are not a JSON object ({error}): nothing was done"));
        }
        if is_clients { Fate::HandOver } else { Fate::Run }
    }

    /// True where the tool is run by a server in the workspace, which keeps no receipt of what it did.
    pub(in crate::turn) fn is_outside(&self, name: &str) -> bool {
        is_outside(name) && !self.client.contains(name)
    }

    /// What a tool is counted under.
    pub(in crate::turn) fn label(&self, name: &str) -> String {
        let label = match name {
            name if is_outside(name) && self.mesh.contains(name) => OUTSIDE,
            name if self.mesh.contains(name) => name,
            name if self.client.contains(name) => CLIENT,
            _ => UNKNOWN,
        };
        label.to_owned()
    }
}

/// True for the name of a tool that is not the mesh's own.
fn is_outside(name: &str) -> bool {
    name.contains(SEPARATOR)
}

/// The arguments as JSON: a model that has nothing to say may write nothing.
fn arguments(call: &ToolCall) -> &str {
    if call.args.trim().is_empty() { "{}" } else { &call.args }
}

#[cfg(test)]
mod tests {
    use chatmesh_proto::tools::v1::WorkspaceToolsState;

    use super::*;

    fn tool(name: &str) -> ToolDefinition {
        ToolDefinition { name: name.to_owned(), ..ToolDefinition::default() }
    }

    fn mesh(names: &[&str]) -> Option<ListToolsResponse> {
        let tools = names.iter().map(|name| tool(name)).collect();
        Some(ListToolsResponse { tools, ..ListToolsResponse::default() })
    }

    fn call(name: &str, args: &str) -> ToolCall {
        ToolCall { name: name.to_owned(), args: args.to_owned(), ..ToolCall::default() }
    }

    #[test]
    fn the_clients_tools_come_last_in_their_order_and_never_take_the_place_of_a_built_in_one() {
        let toolbox =
            Toolbox::new(mesh(&["execute", "read_file"]), vec![tool("zoom"), tool("execute"), tool("ask")], None);
        let names: Vec<&str> = toolbox.definitions.iter().map(|tool| tool.name.as_str()).collect();
        assert_eq!(names, ["execute", "read_file", "zoom", "ask"]);
        assert_eq!(toolbox.fate(&call("execute", "{}")), Fate::Run);
        assert_eq!(toolbox.fate(&call("ask", "{}")), Fate::HandOver);
        let again =
            Toolbox::new(mesh(&["execute", "read_file"]), vec![tool("zoom"), tool("execute"), tool("ask")], None);
        assert_eq!(again, toolbox, "the same tools make the same prompt");
    }

    /// A file in the workspace names servers: it does not take the client's tools away.
    #[test]
    fn a_server_of_the_workspace_never_takes_the_place_of_a_clients_tool() {
        let listed = mesh(&["execute", "srv__ask", "srv__other"]);
        let listed = listed.map(|listed| ListToolsResponse { workspace_tool_count: 2, ..listed });
        let toolbox = Toolbox::new(listed, vec![tool("srv__ask")], None);
        let names: Vec<&str> = toolbox.definitions.iter().map(|tool| tool.name.as_str()).collect();
        assert_eq!(names, ["execute", "srv__other", "srv__ask"]);
        assert_eq!(toolbox.fate(&call("srv__ask", "{}")), Fate::HandOver);
        assert!(!toolbox.is_outside("srv__ask") && toolbox.is_outside("srv__other"));
        assert_eq!(toolbox.label("srv__ask"), CLIENT);
    }

    /// What an administrator configured is a part of the mesh: a client does not take its place.
    #[test]
    fn a_clients_tool_never_takes_the_place_of_one_of_a_configured_server() {
        let listed = mesh(&["execute", "github__search", "srv__ask"]);
        let listed = listed.map(|listed| ListToolsResponse { workspace_tool_count: 1, ..listed });
        let toolbox = Toolbox::new(listed, vec![tool("github__search"), tool("srv__ask")], None);
        let names: Vec<&str> = toolbox.definitions.iter().map(|tool| tool.name.as_str()).collect();
        assert_eq!(names, ["execute", "github__search", "srv__ask"]);
        assert_eq!(toolbox.fate(&call("github__search", "{}")), Fate::Run);
        assert!(toolbox.is_outside("github__search"), "it keeps no receipt");
        assert_eq!(toolbox.fate(&call("srv__ask", "{}")), Fate::HandOver);
    }

    /// Providers refuse every turn with more: the mesh's own tools stay, the client's come next, then those of servers
    /// outside, then those of the workspace.
    #[test]
    fn all_tools_together_are_bounded() {
        let many =
            |prefix: &str, count: usize| (0..count).map(|n| tool(&format!("{prefix}{n:03}"))).collect::<Vec<_>>();
        let of_servers =
            |count: usize| format!("{count} further tools of MCP servers are not offered: a model gets 128");
        for (own, outside, workspace, client, expected, note) in [
            (15, 80, 20, 13, [15, 80, 20, 13], None),
            (15, 80, 20, 14, [15, 80, 19, 14], Some(of_servers(1))),
            (15, 80, 20, 50, [15, 63, 0, 50], Some(of_servers(37))),
            (15, 0, 100, 113, [15, 0, 0, 113], Some(of_servers(100))),
            (15, 0, 0, 113, [15, 0, 0, 113], None),
            (15, 0, 0, 250, [15, 0, 0, 113], Some("137 further tools of the client are not offered".to_owned())),
            (15, 1, 1, 114, [15, 0, 0, 113], Some("1 further tools of the client and 2 of MCP servers".to_owned())),
            (0, 0, 0, 250, [0, 0, 0, 128], Some("122 further tools of the client".to_owned())),
            (200, 1, 0, 1, [200, 0, 0, 0], Some("1 further tools of the client and 1 of MCP servers".to_owned())),
        ] {
            let tools = [many("own_", own), many("o__", outside), many("w__", workspace)].concat();
            let workspace_tool_count = u32::try_from(workspace).expect("a few");
            let listed = ListToolsResponse { tools, workspace_tool_count, ..ListToolsResponse::default() };
            let toolbox = Toolbox::new(Some(listed), many("mine_", client), None);
            let count = |prefix: &str| toolbox.definitions.iter().filter(|tool| tool.name.starts_with(prefix)).count();
            let row = (own, outside, workspace, client);
            assert_eq!(["own_", "o__", "w__", "mine_"].map(count), expected, "{row:?}");
            match (toolbox.note(), note) {
                (Some(told), Some(note)) => assert!(told.starts_with(&note), "{row:?}: {told}"),
                (told, note) => assert_eq!(told, note, "{row:?}"),
            }
            for (prefix, offered, all) in [("o__", expected[1], outside), ("w__", expected[2], workspace)] {
                let fate = |n: usize| toolbox.fate(&call(&format!("{prefix}{n:03}"), "{}"));
                assert!((0..offered).all(|n| fate(n) == Fate::Run), "{row:?}");
                assert!((offered..all).all(|n| matches!(fate(n), Fate::Refuse(_))), "{row:?}");
            }
            assert!((0..client).all(|n| toolbox.fate(&call(&format!("mine_{n:03}"), "{}")) == Fate::HandOver));
        }
    }

    #[test]
    fn nobody_runs_a_tool_that_is_not_there_or_what_is_no_json() {
        let toolbox = Toolbox::new(mesh(&["execute"]), vec![tool("ask")], None);
        for (name, args, expected) in [
            ("nonsense", "{}", "not found"),
            ("execute", "{\"command\": ", "not a JSON object"),
            ("execute", "[]", "not a JSON object"),
            ("ask", "\"x\"", "not a JSON object"),
        ] {
            match toolbox.fate(&call(name, args)) {
                Fate::Refuse(why) => assert!(why.contains(expected), "{why}"),
                other => panic!("{name} {args}: {other:?}"),
            }
        }
        assert_eq!(toolbox.fate(&call("execute", " ")), Fate::Run, "no arguments are no mistake");
    }

    /// A step that an earlier worker began may be in the middle of a tool which this one could not list.
    #[test]
    fn tools_that_could_not_be_listed_are_left_to_whoever_runs_them() {
        let toolbox = Toolbox::new(None, vec![tool("ask")], None);
        assert_eq!(toolbox.fate(&call("execute", "{}")), Fate::Run);
        assert_eq!(toolbox.fate(&call("ask", "{}")), Fate::HandOver);
    }

    /// G15: a tool that an earlier worker knew is not denied because this one could not list it.
    #[test]
    fn tools_of_servers_that_could_not_be_listed_are_not_denied() {
        let listed = |state: WorkspaceToolsState| {
            mesh(&["execute"]).map(|listed| ListToolsResponse { workspace_tools_state: state.into(), ..listed })
        };
        let fate = |state, name| Toolbox::new(listed(state), vec![tool("my__own")], None).fate(&call(name, "{}"));
        assert_eq!(fate(WorkspaceToolsState::Unknown, "github__search"), Fate::Run);
        assert_eq!(fate(WorkspaceToolsState::Empty, "github__search"), Fate::Run);
        assert!(matches!(fate(WorkspaceToolsState::Found, "github__search"), Fate::Refuse(_)));
        assert!(matches!(fate(WorkspaceToolsState::Unknown, "search"), Fate::Refuse(_)));
        assert_eq!(fate(WorkspaceToolsState::Unknown, "my__own"), Fate::HandOver);
    }

    #[test]
    fn labels_are_bounded() {
        let toolbox = Toolbox::new(mesh(&["execute", "github__search"]), vec![tool("ask")], None);
        let labels = ["execute", "github__search", "ask", "made_up", "a__b"].map(|name| toolbox.label(name));
        assert_eq!(labels, ["execute", OUTSIDE, CLIENT, UNKNOWN, UNKNOWN]);
    }
}
