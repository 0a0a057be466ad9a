//! Which tool is offered to which chat: one table.
//!
//! Nothing is offered by default. A tool without a row does not compile, and a mode that this service does not know
//! has no column.

use chatmesh_proto::tools::v1::ChatMode;

use crate::builtin::Tool;

/// How a tool is offered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Offer {
    /// As it is.
    Whole,
    /// For the file of the chat's plan only.
    PlanFile,
    /// Not at all.
    No,
}

/// What a chat must have so that a tool is of use to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Need {
    /// Nothing.
    Nothing,
    /// A workspace.
    Workspace,
    /// Skills, of its user or of its workspace.
    Skills,
}

/// What a chat has.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Has {
    pub(crate) workspace: bool,
    pub(crate) skills: bool,
}

/// An offer for each mode.
type Offers = [Offer; 6];

const P: Offer = Offer::Whole;
const F: Offer = Offer::PlanFile;
const N: Offer = Offer::No;

/// The table. Chats that look around have commands, too: what keeps them from changing things is what they are told.
const fn row(tool: Tool) -> (Need, Offers) {
    match tool {
        //                                   root, plans, child, of a plan, explores, desktop
        Tool::AttachFile => (Need::Workspace, [P, P, P, N, N, P]),
        Tool::CreateWorkspace => (Need::Nothing, [P, P, N, N, N, N]),
        Tool::EditFiles => (Need::Workspace, [P, F, P, N, N, P]),
        Tool::Execute => (Need::Workspace, [P, P, P, P, P, P]),
        Tool::ListTemplates => (Need::Nothing, [P, P, N, N, N, N]),
        Tool::ProcessList => (Need::Workspace, [P, N, P, N, N, P]),
        Tool::ProcessOutput => (Need::Workspace, [P, P, P, P, P, P]),
        Tool::ProcessSignal => (Need::Workspace, [P, N, P, N, N, P]),
        Tool::ReadFile => (Need::Workspace, [P, P, P, P, P, P]),
        Tool::ReadSkill => (Need::Skills, [P, P, P, P, P, P]),
        Tool::ReadSkillFile => (Need::Skills, [P, P, P, P, P, P]),
        Tool::ReadTemplate => (Need::Nothing, [P, P, N, N, N, N]),
        Tool::StartWorkspace => (Need::Nothing, [P, P, N, N, N, N]),
        Tool::StopWorkspace => (Need::Nothing, [P, P, N, N, N, N]),
        Tool::WriteFile => (Need::Workspace, [P, F, P, N, N, P]),
    }
}

/// The row of all tools that MCP servers in the workspace have.
const WORKSPACE_SERVERS: Offers = [P, N, P, N, N, P];

/// Which MCP servers outside of the mesh a chat may have, of those that are on for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outside {
    /// All of them.
    All,
    /// Those that chats may have which plan.
    Planning,
    /// Those that were chosen for it, whatever is on for all chats.
    Chosen,
    /// None.
    None,
}

/// The row of all tools that MCP servers outside of the mesh have.
const OUTSIDE_SERVERS: [Outside; 6] =
    [Outside::All, Outside::Planning, Outside::All, Outside::None, Outside::Chosen, Outside::All];

/// The mode that a request names; `None` where this service does not know it.
pub(crate) fn mode_of(number: i32) -> Option<ChatMode> {
    // What prost returns for a number that it does not know is the mode in which most is offered.
    ChatMode::try_from(number).ok()
}

/// How a built-in tool is offered in a mode.
pub(crate) fn offer(tool: Tool, mode: Option<ChatMode>) -> Offer {
    of_mode(row(tool).1, mode)
}

/// Whether the tools of MCP servers in the workspace are offered in a mode.
pub(crate) fn offers_workspace_servers(mode: Option<ChatMode>) -> bool {
    of_mode(WORKSPACE_SERVERS, mode) != Offer::No
}

/// Which MCP servers outside of the mesh a chat may have in a mode.
pub(crate) fn outside_servers(mode: Option<ChatMode>) -> Outside {
    column(OUTSIDE_SERVERS, mode).unwrap_or(Outside::None)
}

/// True where a chat has what a tool needs.
pub(crate) fn is_of_use(tool: Tool, has: Has) -> bool {
    match row(tool).0 {
        Need::Nothing => true,
        Need::Workspace => has.workspace,
        Need::Skills => has.skills,
    }
}

/// True for a tool that acts on a workspace which is there.
pub(crate) fn needs_workspace(tool: Tool) -> bool {
    row(tool).0 == Need::Workspace
}

fn of_mode(offers: Offers, mode: Option<ChatMode>) -> Offer {
    column(offers, mode).unwrap_or(Offer::No)
}

fn column<T>(row: [T; 6], mode: Option<ChatMode>) -> Option<T> {
    let [root, root_plan, child, child_plan, explore, computer_use] = row;
    Some(match mode? {
        ChatMode::Unspecified | ChatMode::Root => root,
        ChatMode::RootPlan => root_plan,
        ChatMode::Child => child,
        ChatMode::ChildPlan => child_plan,
        ChatMode::Explore => explore,
        ChatMode::ComputerUse => computer_use,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The table as people write it, for the tools that there are.
    const TABLE: &str = "\
                 root  root+plan  child  child+plan  explore  computer_use
attach_file      P     P          P      -           -        P
create_workspace P     P          -      -           -        -
edit_files       P     F          P      -           -        P
execute          P     P          P      P           P        P
list_templates   P     P          -      -           -        -
process_list     P     -          P      -           -        P
process_output   P     P          P      P           P        P
process_signal   P     -          P      -           -        P
read_file        P     P          P      P           P        P
read_skill       P     P          P      P           P        P
read_skill_file  P     P          P      P           P        P
read_template    P     P          -      -           -        -
start_workspace  P     P          -      -           -        -
stop_workspace   P     P          -      -           -        -
write_file       P     F          P      -           -        P
(mcp servers)    P     -          P      -           -        P
";

    const MODES: [ChatMode; 6] = [
        ChatMode::Root,
        ChatMode::RootPlan,
        ChatMode::Child,
        ChatMode::ChildPlan,
        ChatMode::Explore,
        ChatMode::ComputerUse,
    ];

    /// M10: what is offered in each mode is the table, cell by cell.
    #[test]
    fn m10_what_each_mode_is_offered_is_what_the_table_says() {
        let cell = |offer| match offer {
            Offer::Whole => "P",
            Offer::PlanFile => "F",
            Offer::No => "-",
        };
        let line = |name: &str, offer: &dyn Fn(ChatMode) -> Offer| {
            let cells: Vec<&str> = std::iter::once(name).chain(MODES.map(|mode| cell(offer(mode)))).collect();
            cells.join(" ")
        };
        let mut lines = vec!["root root+plan child child+plan explore computer_use".to_owned()];
        lines.extend(Tool::ALL.map(|tool| line(tool.name(), &|mode| offer(tool, Some(mode)))));
        let of_servers = |mode| if offers_workspace_servers(Some(mode)) { Offer::Whole } else { Offer::No };
        lines.push(line("(mcp servers)", &of_servers));
        let expected: Vec<String> =
            TABLE.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
        assert_eq!(lines, expected);
    }

    /// M10: a mode that comes later is offered nothing by a service that does not know it.
    #[test]
    fn m10_a_mode_that_is_not_known_is_offered_nothing() {
        for number in [-1, 7, i32::MAX] {
            let mode = mode_of(number);
            assert_eq!(mode, None);
            assert!(Tool::ALL.into_iter().all(|tool| offer(tool, mode) == Offer::No));
            assert!(!offers_workspace_servers(mode));
        }
        assert_eq!(mode_of(0), Some(ChatMode::Unspecified), "callers that name no mode");
        for tool in Tool::ALL {
            assert_eq!(offer(tool, mode_of(0)), offer(tool, Some(ChatMode::Root)));
        }
    }

    #[test]
    fn a_tool_is_offered_where_there_is_something_that_it_could_act_on() {
        let count = |workspace, skills| {
            let has = Has { workspace, skills };
            Tool::ALL.into_iter().filter(|tool| is_of_use(*tool, has)).count()
        };
        assert_eq!(count(false, false), 5, "those that make one, and those that look what from");
        assert_eq!(count(false, true), 7, "and skills of the user, which need no workspace");
        assert_eq!(count(true, false), Tool::ALL.len() - 2);
        assert_eq!(count(true, true), Tool::ALL.len());
    }
}
