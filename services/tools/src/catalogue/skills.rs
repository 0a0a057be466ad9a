//! What a model is told of the tools for skills.

use serde_json::{Value, json};

pub(super) const READ: &str = "Reads a skill: its instructions, and which files it brings along. The skills that there \
are stand in the list of available skills.";

pub(super) fn read_schema() -> Value {
    json!({
        "type": "object",
        "properties": {
            "name": {"type": "string", "description": "The name of the skill, as it is listed."}
        },
        "required": ["name"],
        "additionalProperties": false
    })
}

pub(super) const READ_FILE: &str = "Reads a text file that a skill of the workspace brings along, at most 512 KiB of it. \
`read_skill` says which files there are.";

pub(super) fn read_file_schema() -> Value {
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
