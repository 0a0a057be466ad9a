//! What a model is told of the tools for workspaces.

use serde_json::{Value, json};

pub(super) const LIST: &str = "Lists the templates that a workspace can be made from, the most fitting first: 10 on a \
page. `next_step` says what to do with the answer. Ask before you make a workspace where it says so.";

pub(super) fn list_schema() -> Value {
    json!({
        "type": "object",
        "properties": {
            "query": {"type": "string", "description": "What to look for in names and descriptions; all templates by default."},
            "page": {"type": "integer", "minimum": 1, "description": "Which page, from 1."}
        },
        "required": [],
        "additionalProperties": false
    })
}

pub(super) const READ: &str = "Says what a template is for and what can be chosen for its workspaces: parameters with \
their types, defaults and options, and presets, which are choices that belong together. Use it before \
`create_workspace`, and where `start_workspace` asks for values.";

pub(super) fn read_schema() -> Value {
    json!({
        "type": "object",
        "properties": {
            "template_id": {"type": "string", "description": "The `id` of the template, as `list_templates` returns it."}
        },
        "required": ["template_id"],
        "additionalProperties": false
    })
}

pub(super) const CREATE: &str = "Makes a workspace for this chat, a machine of its own in which files and commands \
live, and waits until it is ready: that may take minutes. From the next step on the tools for files and commands act on \
it. A chat has one workspace: where it has one that is alive, that one is returned and nothing is made.";

pub(super) fn create_schema() -> Value {
    json!({
        "type": "object",
        "properties": {
            "template_id": {"type": "string", "description": "The `id` of the template, as `list_templates` returns it."},
            "name": {"type": "string", "description": "What to call it: 1 to 32 lower-case letters, digits or `-`. Made of the template's name by default."},
            "parameters": values("Values for parameters of the template by their names, as `read_template` returns them."),
            "preset": {"type": "string", "description": "The `name` of a preset of the template. `parameters` count before its values."}
        },
        "required": ["template_id"],
        "additionalProperties": false
    })
}

pub(super) const START: &str = "Starts the workspace of this chat and waits until it is ready: that may take minutes. \
One that runs is left alone. Where the template demands its newest version, the workspace is updated to it.";

pub(super) fn start_schema() -> Value {
    json!({
        "type": "object",
        "properties": {
            "parameters": values("Values for parameters of the template by their names, where they should change or are missing.")
        },
        "required": [],
        "additionalProperties": false
    })
}

pub(super) const STOP: &str = "Stops the workspace of this chat and waits until that is done. All that runs in it ends, \
and what was not written to a file may be lost; the workspace and its files stay. Use it where the user asks for it, or \
where the error of another tool says to stop and start the workspace.";

pub(super) fn stop_schema() -> Value {
    json!({"type": "object", "properties": {}, "required": [], "additionalProperties": false})
}

fn values(description: &str) -> Value {
    json!({"type": "object", "additionalProperties": {"type": "string"}, "description": description})
}
