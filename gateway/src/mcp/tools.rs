//! What clients are told of the tools.

mod commands;
mod files;
mod lifecycle;
mod looks;

use std::sync::Arc;

use rmcp::model::{JsonObject, Tool};
use serde_json::{Value, json};

/// How many unknown arguments are named.
const MAX_WRONG: usize = 5;
/// How much of the name of one.
const MAX_NAME_BYTES: usize = 64;

/// Everything that is said of a tool.
struct Row {
    name: &'static str,
    description: &'static str,
    /// The properties of its arguments, and which of them must be there.
    arguments: (Value, &'static [&'static str]),
}

/// Checks that the arguments of a call are those of the tool, each by its name.
///
/// # Errors
/// There is no such tool, one is missing, or one is unknown; says which there are.
pub(super) fn check(tool: &str, arguments: &JsonObject) -> Result<(), Wrong> {
    let row = rows().into_iter().find(|row| row.name == tool).ok_or_else(|| {
        let names = names().join(", ");
        Wrong::Tool(format!("there is no tool `{tool}`: there are {names}"))
    })?;
    let (properties, required) = row.arguments;
    let properties = properties.as_object().cloned().unwrap_or_default();
    let unknown = arguments.keys().filter(|name| !properties.contains_key(*name));
    let unknown = unknown.map(|name| format!("`{}` is not known", shortened(name)));
    let is_missing = |name: &&&str| arguments.get(**name).is_none_or(Value::is_null);
    let missing = required.iter().filter(is_missing).map(|name| format!("`{name}` is missing"));
    let wrong: Vec<String> = missing.chain(unknown.take(MAX_WRONG)).collect();
    if wrong.is_empty() {
        return Ok(());
    }
    let has = match properties.keys().map(|name| format!("`{name}`")).collect::<Vec<_>>() {
        names if names.is_empty() => "no arguments".to_owned(),
        names => names.join(", "),
    };
    let wrong = wrong.join(", ");
    Err(Wrong::Arguments(format!("the arguments do not fit the schema: {wrong}; `{tool}` has {has}")))
}

/// A name that a client made up.
fn shortened(name: &str) -> &str {
    &name[..name.floor_char_boundary(MAX_NAME_BYTES)]
}

/// Why a call is not made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Wrong {
    /// There is no such tool.
    Tool(String),
    /// The tool has other arguments.
    Arguments(String),
}

/// The names of the tools.
fn names() -> Vec<&'static str> {
    rows().into_iter().map(|row| row.name).collect()
}

/// The tools, in an order that stays.
pub(super) fn all() -> Vec<Tool> {
    let tool = |row: Row| {
        let (properties, required) = row.arguments;
        let schema = json!({
            "type": "object", "properties": properties, "required": required, "additionalProperties": false,
        });
        Tool::new(row.name, row.description, Arc::new(schema.as_object().cloned().unwrap_or_default()))
    };
    rows().into_iter().map(tool).collect()
}

fn text(description: &str) -> Value {
    json!({"type": "string", "description": description})
}

fn workspace() -> Value {
    text("The workspace: its name, `owner/name`, `name.agent`, or its identifier.")
}

fn page_token() -> Value {
    text("The `next_page_token` of the page before; nothing for the first.")
}

fn parameters() -> Value {
    let description = "Values of the template's parameters by their names, all as texts.";
    json!({"type": "object", "additionalProperties": {"type": "string"}, "description": description})
}

fn rows() -> Vec<Row> {
    [lifecycle::rows(), files::rows(), commands::rows(), looks::rows()].into_iter().flatten().collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn names_are_unique_and_what_must_be_there_is_described() {
        let names: BTreeSet<&str> = rows().iter().map(|row| row.name).collect();
        assert_eq!(names.len(), rows().len());
        for Row { name, arguments: (properties, required), .. } in rows() {
            for argument in required {
                assert!(properties[argument].is_object(), "{name} {argument}");
            }
        }
    }

    fn problem(tool: &str, arguments: &Value) -> Option<Wrong> {
        check(tool, arguments.as_object().expect("an object")).err()
    }

    #[test]
    fn what_is_missing_or_unknown_is_named_with_what_there_is() {
        assert_eq!(problem("workspace_ls", &json!({"workspace": "demo", "path": "/"})), None);
        assert_eq!(problem("list_templates", &json!({})), None);
        for (tool, arguments, expected) in [
            (
                "workspace_ls",
                json!({"workspace": "demo"}),
                "`path` is missing; `workspace_ls` has `page_token`, `path`",
            ),
            ("workspace_ls", json!({"workspace": "demo", "path": null}), "`path` is missing;"),
            ("workspace_bash", json!({"workspace": "a", "cmd": "ls"}), "`command` is missing, `cmd` is not known;"),
            ("get_authenticated_user", json!({"user": "me"}), "`user` is not known; `get_authenticated_user` has no"),
        ] {
            let Some(Wrong::Arguments(message)) = problem(tool, &arguments) else { panic!("{tool}") };
            assert!(
                message.starts_with("the arguments do not fit the schema: ") && message.contains(expected),
                "{message}"
            );
        }
        let Some(Wrong::Tool(message)) = problem("bash", &json!({})) else { panic!("there is none") };
        assert!(message.contains("no tool `bash`") && message.contains("workspace_bash"), "{message}");
        let many: serde_json::Map<_, _> = (0..1000).map(|n| (format!("{}{n}", "x".repeat(100)), json!(n))).collect();
        let Some(Wrong::Arguments(message)) = problem("list_templates", &many.into()) else { panic!("unknown") };
        assert!(message.len() < 1000, "{message}");
    }
}
