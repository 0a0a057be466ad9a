//! Workspaces and templates.

use serde_json::json;

use super::{Row, page_token, parameters, text, workspace};

pub(super) fn rows() -> Vec<Row> {
    vec![
        Row {
            name: "list_workspaces",
            description: "Lists your workspaces: what each is doing, and whether its agents are connected.",
            arguments: (json!({"page_token": page_token()}), &[]),
        },
        Row {
            name: "get_workspace",
            description: "Says what a workspace is doing, and whether its agents are connected.",
            arguments: (json!({"workspace": workspace()}), &["workspace"]),
        },
        Row {
            name: "create_workspace",
            description: "Creates a workspace from a template and starts it. Returns at once: ask `get_workspace` until \
                          its agent is connected, or its build has failed.",
            arguments: (
                json!({
                    "template": text("The template's name."),
                    "name": text("1 to 32 lower-case letters, digits or `-`; unique among your workspaces."),
                    "parameters": parameters(),
                    "preset": text("The name of a preset of the template."),
                }),
                &["template", "name"],
            ),
        },
        Row {
            name: "start_workspace",
            description: "Starts a workspace that is stopped. Returns at once, like `create_workspace`.",
            arguments: (json!({"workspace": workspace(), "parameters": parameters()}), &["workspace"]),
        },
        Row {
            name: "stop_workspace",
            description: "Stops a workspace: what runs in it ends. Returns at once.",
            arguments: (json!({"workspace": workspace()}), &["workspace"]),
        },
        Row {
            name: "delete_workspace",
            description: "Deletes a workspace and its files, for good. Returns at once, like `create_workspace`.",
            arguments: (json!({"workspace": workspace()}), &["workspace"]),
        },
        Row {
            name: "list_templates",
            description: "Lists the templates from which workspaces are created.",
            arguments: (json!({"page_token": page_token()}), &[]),
        },
        Row {
            name: "get_template",
            description: "Says what may be chosen for the workspaces of a template: its parameters and presets.",
            arguments: (json!({"template": text("The template's name.")}), &["template"]),
        },
    ]
}
