//! A script in the configuration. What is allowed is what agents take.

use std::time::Duration;

use croner::parser::{CronParser, Seconds, Year};
use serde::Deserialize;

use crate::domain::Script;

/// The longest script.
const MAX_SCRIPT_BYTES: usize = 96 * 1024;
/// The longest id.
const MAX_ID: usize = 64;
/// The longest name for people, and the longest path of a log.
const MAX_TEXT: usize = 1024;
/// The longest time that a script may run.
const MAX_TIMEOUT: Duration = Duration::from_secs(24 * 60 * 60);

/// A script that workspaces run.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScriptConfig {
    /// Names it among the scripts of the template: letters, digits, `-`, `_` and `.`, 64 at most.
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
    #[serde(default, with = "humantime_serde")]
    pub timeout: Option<Duration>,
    /// A file in the workspace for what it prints, absolute or from `~/`; one of the agent's own where it is left out.
    #[serde(default)]
    pub log_path: String,
}

impl ScriptConfig {
    /// Checks the script, which stands at `place`.
    pub(super) fn validate(&self, place: &str) -> Result<(), String> {
        if !is_id(&self.id) {
            return Err(format!(
                "{place}.id must be 1 to {MAX_ID} letters, digits, `-`, `_` or `.`, not with a `.` at the beginning"
            ));
        }
        if self.script.trim().is_empty() || self.script.contains('\0') {
            return Err(format!("{place}.script must not be blank, and not contain NUL"));
        }
        if self.script.len() > MAX_SCRIPT_BYTES {
            return Err(format!(
                "{place}.script must have {} KiB at most: fetch what is long",
                MAX_SCRIPT_BYTES / 1024
            ));
        }
        for (field, text) in [("display_name", &self.display_name), ("log_path", &self.log_path)] {
            if text.len() > MAX_TEXT || text.contains('\0') {
                return Err(format!("{place}.{field} must have {MAX_TEXT} bytes at most, and none that is NUL"));
            }
        }
        if !self.log_path.is_empty() && !self.log_path.starts_with('/') && !self.log_path.starts_with("~/") {
            return Err(format!("{place}.log_path must be absolute or begin with `~/`"));
        }
        if self.timeout.is_some_and(|timeout| timeout.is_zero() || timeout.subsec_nanos() > 0 || timeout > MAX_TIMEOUT)
        {
            return Err(format!("{place}.timeout must be whole seconds, more than 0s and 24h at most"));
        }
        self.validate_times(place)
    }

    fn validate_times(&self, place: &str) -> Result<(), String> {
        let cron = self.cron.trim();
        if cron.is_empty() && !self.run_on_start && !self.run_on_stop {
            return Err(format!("{place} never runs: set run_on_start, run_on_stop or cron"));
        }
        if cron.is_empty() {
            return Ok(());
        }
        let parser = CronParser::builder().seconds(Seconds::Required).year(Year::Disallowed).build();
        parser.parse(cron).map(drop).map_err(|error| {
            format!("{place}.cron must have six fields that begin with seconds, like `0 30 4 * * *`: {error}")
        })
    }
}

/// Ids are names of directories, too.
fn is_id(id: &str) -> bool {
    let is_fine = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    (1..=MAX_ID).contains(&id.len()) && !id.starts_with('.') && id.bytes().all(is_fine)
}

impl From<&ScriptConfig> for Script {
    fn from(script: &ScriptConfig) -> Self {
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
