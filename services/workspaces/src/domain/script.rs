//! What workspaces run.

use serde::{Deserialize, Serialize};

/// A script of a template, and of the agents of workspaces that were made from it. In the database it is JSON; what is
/// added later has a default there.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Script {
    /// Names it among the scripts.
    pub id: String,
    /// Names it for people; empty where the id does.
    pub display_name: String,
    /// What runs.
    pub script: String,
    /// Runs when the workspace starts.
    pub run_on_start: bool,
    /// Runs when the workspace stops.
    pub run_on_stop: bool,
    /// Runs at these times; empty for never.
    pub cron: String,
    /// How long it may run; 0 for the agent's default.
    pub timeout_seconds: u32,
    /// A file for what it prints; empty for one of the agent's own.
    pub log_path: String,
}

impl Script {
    /// What people call it.
    #[must_use]
    pub fn name(&self) -> &str {
        if self.display_name.is_empty() { &self.id } else { &self.display_name }
    }
}
