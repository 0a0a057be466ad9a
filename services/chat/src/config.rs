//! How the service works.

use std::time::Duration;

use chatmesh_core::prompt_text::clean;
use serde::Deserialize;

/// The built-in words of the mesh.
pub(crate) const BUILTIN_PROMPT: &str = "You are an agent that works for its user through tools. Use them to find out \
and to act instead of guessing; when independent things are to be done, ask for several tools at once. Say in plain \
words what you did and what came out. When a tool fails, read its error and decide: try another way, or tell the user \
what is in the way.";
/// The longest words of a deployment.
const MAX_SYSTEM_PROMPT_BYTES: usize = 131_072;
/// Less would leave no room for what tells that something was cut out.
const MIN_TOOL_RESULT_BYTES: u32 = 1024;

/// The settings of the service.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// How many chats of users this process runs at once. 0 here and for sub-agents makes a process that
    /// serves requests only.
    pub max_running: u32,
    /// How many chats this process runs at once that other chats started. They have room of their own: a chat
    /// that waits for those that it started must not take their place.
    pub max_running_subagents: u32,
    /// The URL at which other replicas of the service reach this one's gRPC port, like `http://10.1.2.3:7081`.
    /// Without it, live parts of the chats that this process runs are seen by its own subscribers only.
    pub advertise_address: Option<String>,
    /// How often to look for runnable chats when no hint comes.
    #[serde(with = "humantime_serde")]
    pub poll_interval: Duration,
    /// How often leases are renewed.
    #[serde(with = "humantime_serde")]
    pub heartbeat_interval: Duration,
    /// After how long without renewal a lease is anybody's. At least three times the interval.
    #[serde(with = "humantime_serde")]
    pub lease_duration: Duration,
    /// How long one worker may work on a turn; one that takes longer ends with an error.
    #[serde(with = "humantime_serde")]
    pub max_turn_duration: Duration,
    /// How many model calls a turn may make.
    pub max_steps: u32,
    /// How many failed calls in a row end a turn.
    pub max_attempts: u32,
    /// How long a provider may take until the first part of its answer.
    #[serde(with = "humantime_serde")]
    pub start_timeout: Duration,
    /// How long a provider may be silent after that.
    #[serde(with = "humantime_serde")]
    pub silence_timeout: Duration,
    /// How long a summary of a conversation may take, with all that is tried for it.
    #[serde(with = "humantime_serde")]
    pub compaction_timeout: Duration,
    /// How long a client's tools may take.
    #[serde(with = "humantime_serde")]
    pub action_timeout: Duration,
    /// The most bytes of a tool's result that are kept; of longer ones the beginning and the end.
    pub max_tool_result_bytes: u32,
    /// What the model of every chat is told first, behind the built-in words. Of what is set when a chat is created;
    /// 131072 bytes at most. What nobody sees, such as characters that turn the direction of writing, is left out.
    pub system_prompt: String,
    /// False where the built-in words about how to work with tools are left out.
    pub include_builtin_prompt: bool,
    /// True for the only process on its database: leases of earlier processes are void at the start.
    pub exclusive: bool,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            max_running: 64,
            max_running_subagents: 128,
            advertise_address: None,
            poll_interval: Duration::from_secs(1),
            heartbeat_interval: Duration::from_secs(10),
            lease_duration: Duration::from_secs(60),
            max_turn_duration: Duration::from_secs(24 * 3600),
            max_steps: 1200,
            max_attempts: 25,
            start_timeout: Duration::from_secs(60),
            silence_timeout: Duration::from_secs(600),
            compaction_timeout: Duration::from_secs(300),
            action_timeout: Duration::from_secs(300),
            max_tool_result_bytes: 256 * 1024,
            system_prompt: String::new(),
            include_builtin_prompt: true,
            exclusive: false,
        }
    }
}

impl Config {
    /// Checks what the types cannot say.
    ///
    /// # Errors
    /// A sentence that names the setting.
    pub fn validate(&self) -> Result<(), String> {
        if self.heartbeat_interval.is_zero() || self.poll_interval.is_zero() {
            return Err("chat.heartbeat_interval and chat.poll_interval must be more than 0".to_owned());
        }
        // Two renewals may fail before a chat that is worked on is taken for a chat that nobody works on.
        if self.lease_duration < self.heartbeat_interval * 3 {
            return Err("chat.lease_duration must be at least three times chat.heartbeat_interval".to_owned());
        }
        if self.advertise_address.as_deref().is_some_and(|address| !address.starts_with("http")) {
            return Err("chat.advertise_address must be a URL, like http://10.1.2.3:7081".to_owned());
        }
        if self.max_turn_duration.is_zero() {
            return Err("chat.max_turn_duration must be more than 0".to_owned());
        }
        if self.max_steps == 0 || self.max_attempts == 0 {
            return Err("chat.max_steps and chat.max_attempts must be at least 1".to_owned());
        }
        let waits = [self.start_timeout, self.silence_timeout, self.compaction_timeout, self.action_timeout];
        if waits.iter().any(Duration::is_zero) {
            return Err(
                "chat.start_timeout, chat.silence_timeout, chat.compaction_timeout and chat.action_timeout must \
                        be more than 0"
                    .to_owned(),
            );
        }
        if self.max_tool_result_bytes < MIN_TOOL_RESULT_BYTES {
            return Err(format!("chat.max_tool_result_bytes must be at least {MIN_TOOL_RESULT_BYTES}"));
        }
        if self.system_prompt.len() > MAX_SYSTEM_PROMPT_BYTES {
            let length = self.system_prompt.len();
            return Err(format!(
                "chat.system_prompt must have at most {MAX_SYSTEM_PROMPT_BYTES} bytes; it has {length}"
            ));
        }
        Ok(())
    }

    /// What a chat is told that is created now.
    #[must_use]
    pub fn deployment_prompt(&self) -> String {
        let own = clean(&self.system_prompt);
        let builtin = if self.include_builtin_prompt { BUILTIN_PROMPT } else { "" };
        [builtin, own.trim()].into_iter().filter(|text| !text.is_empty()).collect::<Vec<_>>().join("\n\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_valid() {
        assert_eq!(Config::default().validate(), Ok(()));
    }

    /// F46: a worker whose leases run out before it renews them loses every turn.
    #[test]
    fn leases_that_run_out_before_they_are_renewed_are_refused_at_the_start() {
        let swapped = Config {
            heartbeat_interval: Duration::from_secs(60),
            lease_duration: Duration::from_secs(10),
            ..Config::default()
        };
        let refused = swapped.validate().expect_err("swapped");
        assert!(refused.contains("chat.lease_duration"), "{refused}");
        let tight = Config {
            heartbeat_interval: Duration::from_secs(10),
            lease_duration: Duration::from_millis(29_999),
            ..Config::default()
        };
        assert!(tight.validate().is_err(), "one lost renewal would be one too many");
        let enough = Config { lease_duration: Duration::from_secs(30), ..tight };
        assert_eq!(enough.validate(), Ok(()));
    }

    #[test]
    fn the_deployments_words_come_after_the_built_in_ones_or_alone() {
        let prompt = |own: &str, include_builtin_prompt| {
            Config { system_prompt: own.to_owned(), include_builtin_prompt, ..Config::default() }.deployment_prompt()
        };
        assert_eq!(prompt("", true), BUILTIN_PROMPT);
        assert_eq!(prompt("Be\u{200B} kind.\n", true), format!("{BUILTIN_PROMPT}\n\nBe kind."));
        assert_eq!(prompt("Be \u{202E}kind.", false), "Be kind.");
        assert_eq!(prompt(" ", false), "");
    }

    #[test]
    fn a_setting_that_would_stop_all_work_is_refused() {
        let none = Duration::ZERO;
        for wrong in [
            Config { poll_interval: none, ..Config::default() },
            Config { heartbeat_interval: none, ..Config::default() },
            Config { max_turn_duration: none, ..Config::default() },
            Config { max_steps: 0, ..Config::default() },
            Config { max_attempts: 0, ..Config::default() },
            Config { start_timeout: none, ..Config::default() },
            Config { silence_timeout: none, ..Config::default() },
            Config { compaction_timeout: none, ..Config::default() },
            Config { action_timeout: none, ..Config::default() },
            Config { max_tool_result_bytes: 100, ..Config::default() },
            Config { system_prompt: "x".repeat(MAX_SYSTEM_PROMPT_BYTES + 1), ..Config::default() },
        ] {
            assert!(wrong.validate().is_err(), "{wrong:?}");
        }
    }
}
