//! How the service works.

use std::time::Duration;

use serde::Deserialize;

/// The settings of the service.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// How many chats this process runs at once. 0 makes a process that serves requests only.
    pub max_running: usize,
    /// How often to look for runnable chats when no hint comes.
    #[serde(with = "humantime_serde")]
    pub poll_interval: Duration,
    /// How often leases are renewed.
    #[serde(with = "humantime_serde")]
    pub heartbeat_interval: Duration,
    /// After how long without renewal a lease is anybody's. At least three times the interval.
    #[serde(with = "humantime_serde")]
    pub lease_duration: Duration,
    /// How many model calls a turn may make.
    pub max_steps: u32,
    /// How many failed calls in a row end a turn.
    pub max_attempts: u32,
    /// True for the only process on its database: leases of earlier processes are void at the start.
    pub exclusive: bool,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            max_running: 64,
            poll_interval: Duration::from_secs(1),
            heartbeat_interval: Duration::from_secs(10),
            lease_duration: Duration::from_secs(60),
            max_steps: 1200,
            max_attempts: 25,
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
        if self.lease_duration < self.heartbeat_interval * 3 {
            return Err("chat.lease_duration must be at least three times chat.heartbeat_interval".to_owned());
        }
        if self.max_steps == 0 || self.max_attempts == 0 {
            return Err("chat.max_steps and chat.max_attempts must be at least 1".to_owned());
        }
        Ok(())
    }
}
