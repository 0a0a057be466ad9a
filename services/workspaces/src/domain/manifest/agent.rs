//! Agents.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::ScriptManifest;

/// A program inside of a workspace, through which it is reached.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AgentManifest {
    /// Names it among the agents of the workspace; 1 to 32 lower-case letters, digits or `-`. One whose name ends with
    /// `-chat` is the one that chats act through.
    pub name: String,
    /// Its place among the agents; lower ones come first.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub display_order: i32,
    /// What it runs when the workspace starts and stops, and in between; 64 at most, 512 KiB of text in all. What a
    /// workspace runs is settled by the build that starts it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub scripts: Vec<ScriptManifest>,
}

fn is_zero(number: &i32) -> bool {
    *number == 0
}
