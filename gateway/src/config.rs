//! Configuration.

use std::time::Duration;

use serde::Deserialize;

/// The time between two reports of what people use.
const ACTIVITY_INTERVAL: Duration = Duration::from_secs(30);
/// What is used must be known long before a workspace would be stopped.
const MAX_ACTIVITY_INTERVAL: Duration = Duration::from_secs(5 * 60);

/// The gateway's configuration.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// How often it is told which workspaces people use, so that these are not stopped; 30 s, and 5 min at most.
    #[serde(with = "humantime_serde")]
    pub activity_interval: Duration,
}

impl Default for Config {
    fn default() -> Self {
        Self { activity_interval: ACTIVITY_INTERVAL }
    }
}

impl Config {
    /// Checks the configuration.
    ///
    /// # Errors
    /// What is wrong, in words.
    pub fn validate(&self) -> Result<(), String> {
        if self.activity_interval.is_zero() || self.activity_interval > MAX_ACTIVITY_INTERVAL {
            return Err("gateway.activity_interval must be more than 0s and 5min at most".to_owned());
        }
        Ok(())
    }
}
