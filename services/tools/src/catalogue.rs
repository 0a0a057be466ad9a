//! The tools that a model may be offered, ordered by name.

use chatmesh_proto::common::v1::ToolDefinition;
use serde_json::json;

use crate::builtin::Tool;

/// The built-in tools; those for skills only where there are some.
pub(crate) fn definitions(has_skills: bool) -> Vec<ToolDefinition> {
    Tool::ALL.into_iter().filter(|tool| has_skills || !tool.needs_skills()).map(definition).collect()
}

fn definition(tool: Tool) -> ToolDefinition {
    let (description, schema) = match tool {
        Tool::Execute => (EXECUTE, execute_schema()),
        Tool::ReadFile => (READ_FILE, read_file_schema()),
        Tool::ReadSkill => (READ_SKILL, read_skill_schema()),
        Tool::ReadSkillFile => (READ_SKILL_FILE, read_skill_file_schema()),
        Tool::WriteFile => (WRITE_FILE, write_file_schema()),
    };
    ToolDefinition {
        name: tool.name().to_owned(),
        description: description.to_owned(),
        input_schema: schema.to_string(),
        ..ToolDefinition::default()
    }
}

const EXECUTE: &str = "Runs a shell command in the workspace and returns its output (standard output and standard \
error together, 32 KiB at most: head and tail) and its exit code. A command that is not done when `timeout` is over \
keeps running; its `background_process_id` is returned. Nothing can be typed into a command: use flags that make it \
non-interactive.";

fn execute_schema() -> serde_json::Value {
    json!({
        "type": "object",
        "properties": {
            "command": {"type": "string", "description": "The command, run by `sh -c`."},
            "timeout": {"type": "string", "description": "How long to wait for it, like `30s` or `5m`; 10s by default, 4h at most."},
            "workdir": {"type": "string", "description": "An absolute path to run it in; the working directory by default."},
            "run_in_background": {"type": "boolean", "description": "Return at once and leave it running, for servers and the like."},
            "model_intent": {"type": "string", "description": "What this is for, in a few words, for the user to read."}
        },
        "required": ["command"],
        "additionalProperties": false
    })
}

const READ_FILE: &str = "Reads a text file of the workspace by lines. Each line is returned as its number, a tab and \
its text. At most 2000 lines and 32 KiB at once, from files of at most 1 MiB: use `offset` and `limit` for a part, and \
`execute` with grep, sed or awk for larger files.";

fn read_file_schema() -> serde_json::Value {
    json!({
        "type": "object",
        "properties": {
            "path": {"type": "string", "description": "The absolute path."},
            "offset": {"type": "integer", "minimum": 1, "description": "The first line, from 1."},
            "limit": {"type": "integer", "minimum": 1, "description": "How many lines; 2000 by default and at most."}
        },
        "required": ["path"],
        "additionalProperties": false
    })
}

const READ_SKILL: &str = "Reads a skill of the workspace: its instructions, and which files it brings along. The skills \
that there are stand in the list of available skills.";

fn read_skill_schema() -> serde_json::Value {
    json!({
        "type": "object",
        "properties": {
            "name": {"type": "string", "description": "The name of the skill, as it is listed."}
        },
        "required": ["name"],
        "additionalProperties": false
    })
}

const READ_SKILL_FILE: &str = "Reads a text file that a skill brings along, at most 512 KiB of it. `read_skill` says \
which files there are.";

fn read_skill_file_schema() -> serde_json::Value {
    json!({
        "type": "object",
        "properties": {
            "name": {"type": "string", "description": "The name of the skill, as it is listed."},
            "path": {"type": "string", "description": "The file, relative to the skill's directory."}
        },
        "required": ["name", "path"],
        "additionalProperties": false
    })
}

const WRITE_FILE: &str = "Writes a file of the workspace whole, replacing what was there. Missing directories are \
made. The write is atomic: readers see the old file or the new one.";

fn write_file_schema() -> serde_json::Value {
    json!({
        "type": "object",
        "properties": {
            "path": {"type": "string", "description": "The absolute path."},
            "content": {"type": "string", "description": "The whole text of the file."}
        },
        "required": ["path", "content"],
        "additionalProperties": false
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn definitions_are_ordered_by_name_and_their_schemas_are_objects() {
        let names = |has_skills| definitions(has_skills).into_iter().map(|tool| tool.name).collect::<Vec<_>>();
        assert_eq!(names(false), ["execute", "read_file", "write_file"]);
        assert_eq!(names(true), ["execute", "read_file", "read_skill", "read_skill_file", "write_file"]);
        let definitions = definitions(true);
        assert!(definitions.is_sorted_by_key(|definition| definition.name.clone()));
        for definition in definitions {
            let schema: serde_json::Value = serde_json::from_str(&definition.input_schema).expect("JSON");
            assert_eq!(schema["type"], "object", "{}", definition.name);
            assert!(schema["required"].is_array(), "{}", definition.name);
        }
    }
}
