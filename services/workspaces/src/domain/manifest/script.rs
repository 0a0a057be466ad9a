//! Scripts as they are written.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::domain::Script;

/// A script that workspaces run.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ScriptManifest {
    /// Names it among the scripts of the agent: letters, digits, `-`, `_` and `.`, 64 at most.
    pub id: String,
    /// Names it for people; the id where it is left out.
    #[serde(default)]
    pub display_name: String,
    /// What runs: by the interpreter that its first line names after `#!`, else by `sh`. 96 KiB at most.
    pub script: String,
    /// Runs when the workspace starts, at the same time as the others that do.
    #[serde(default)]
    pub run_on_start: bool,
    /// Runs when the workspace stops.
    #[serde(default)]
    pub run_on_stop: bool,
    /// Runs at these times: seconds, minutes, hours, days of the month, months and days of the week (0 is Sunday), in
    /// the workspace's time zone.
    #[serde(default)]
    pub cron: String,
    /// How long it may run, in whole seconds, like `5m`; a day at most, an hour where it is left out.
    #[serde(default, with = "humantime_serde", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub timeout: Option<Duration>,
    /// A file in the workspace for what it prints, absolute or from `~/`; one of the agent's own where it is left out.
    #[serde(default)]
    pub log_path: String,
}

impl From<&ScriptManifest> for Script {
    fn from(script: &ScriptManifest) -> Self {
        // 0 is what agents take for an hour.
        let timeout = script.timeout.map_or(0, |timeout| timeout.as_secs());
        Self {
            id: script.id.clone(),
            display_name: script.display_name.clone(),
            script: script.script.clone(),
            run_on_start: script.run_on_start,
            run_on_stop: script.run_on_stop,
            cron: script.cron.trim().to_owned(),
            timeout_seconds: u32::try_from(timeout).unwrap_or(u32::MAX),
            log_path: script.log_path.clone(),
        }
    }
}
