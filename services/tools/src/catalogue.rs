//! The tools that a model may be offered, ordered by name.

mod availability;
mod files;
mod lifecycle;
mod processes;
mod skills;

use chatmesh_proto::common::v1::ToolDefinition;
use chatmesh_proto::tools::v1::ChatMode;

use crate::builtin::Tool;
pub(crate) use availability::{
    Has, Offer, Outside, mode_of, needs_workspace, offer, offers_workspace_servers, outside_servers,
};

/// The built-in tools that a chat in this mode is offered, for what it has.
pub(crate) fn definitions(mode: Option<ChatMode>, has: Has) -> Vec<ToolDefinition> {
    offered(mode).filter(|tool| availability::is_of_use(*tool, has)).map(definition).collect()
}

/// The built-in tools that are offered in this mode.
pub(crate) fn offered(mode: Option<ChatMode>) -> impl Iterator<Item = Tool> {
    Tool::ALL.into_iter().filter(move |tool| offer(*tool, mode) != Offer::No)
}

fn definition(tool: Tool) -> ToolDefinition {
    let (description, schema) = match tool {
        Tool::AttachFile => (files::ATTACH, files::attach_schema()),
        Tool::CreateWorkspace => (lifecycle::CREATE, lifecycle::create_schema()),
        Tool::EditFiles => (files::EDIT, files::edit_schema()),
        Tool::Execute => (processes::EXECUTE, processes::execute_schema()),
        Tool::ListTemplates => (lifecycle::LIST, lifecycle::list_schema()),
        Tool::ProcessList => (processes::LIST, processes::list_schema()),
        Tool::ProcessOutput => (processes::OUTPUT, processes::output_schema()),
        Tool::ProcessSignal => (processes::SIGNAL, processes::signal_schema()),
        Tool::ReadFile => (files::READ, files::read_schema()),
        Tool::ReadSkill => (skills::READ, skills::read_schema()),
        Tool::ReadSkillFile => (skills::READ_FILE, skills::read_file_schema()),
        Tool::ReadTemplate => (lifecycle::READ, lifecycle::read_schema()),
        Tool::StartWorkspace => (lifecycle::START, lifecycle::start_schema()),
        Tool::StopWorkspace => (lifecycle::STOP, lifecycle::stop_schema()),
        Tool::WriteFile => (files::WRITE, files::write_schema()),
    };
    ToolDefinition {
        name: tool.name().to_owned(),
        description: description.to_owned(),
        input_schema: schema.to_string(),
        ..ToolDefinition::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: Has = Has { workspace: true, skills: true };

    fn names(mode: ChatMode, has: Has) -> Vec<String> {
        definitions(Some(mode), has).into_iter().map(|tool| tool.name).collect()
    }

    /// M10: the lists themselves, as models get them.
    #[test]
    fn m10_the_list_of_each_mode() {
        let looks = ["execute", "process_output", "read_file", "read_skill", "read_skill_file"];
        let lifecycle = ["create_workspace", "list_templates", "read_template", "start_workspace", "stop_workspace"];
        let mut plans = vec!["attach_file", "edit_files", "write_file"];
        plans.extend(looks);
        plans.extend(lifecycle);
        plans.sort_unstable();
        let all: Vec<&str> = Tool::ALL.into_iter().map(Tool::name).collect();
        for mode in [ChatMode::Unspecified, ChatMode::Root] {
            assert_eq!(names(mode, ALL), all, "{mode:?}");
        }
        let of_child: Vec<&str> = all.iter().filter(|name| !lifecycle.contains(name)).copied().collect();
        for mode in [ChatMode::Child, ChatMode::ComputerUse] {
            assert_eq!(names(mode, ALL), of_child, "{mode:?}");
        }
        assert_eq!(names(ChatMode::RootPlan, ALL), plans);
        for mode in [ChatMode::ChildPlan, ChatMode::Explore] {
            assert_eq!(names(mode, ALL), looks, "{mode:?}");
        }
        for mode in [ChatMode::Root, ChatMode::RootPlan] {
            assert_eq!(names(mode, Has::default()), lifecycle, "{mode:?}: there is nothing that others could act on");
        }
        assert!(names(ChatMode::Child, Has::default()).is_empty());
        assert_eq!(definitions(None, ALL), [], "a mode that is not known");
    }

    #[test]
    fn definitions_are_ordered_by_name_and_their_schemas_are_objects() {
        let definitions = definitions(Some(ChatMode::Root), ALL);
        assert!(definitions.is_sorted_by_key(|definition| definition.name.clone()));
        assert_eq!(definitions.len(), Tool::ALL.len());
        for definition in definitions {
            let schema: serde_json::Value = serde_json::from_str(&definition.input_schema).expect("JSON");
            assert_eq!(schema["type"], "object", "{}", definition.name);
            assert!(schema["required"].is_array() && schema["properties"].is_object(), "{}", definition.name);
        }
    }
}
