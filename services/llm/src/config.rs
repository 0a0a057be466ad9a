//! The settings of the service.

use std::time::Duration;

use chatmesh_core::SecretString;
use serde::Deserialize;

/// The settings of the service.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// The key that provider keys are sealed with: 32 bytes in base64.
    pub encryption_key: SecretString,
    /// Records of requests and answers for administrators.
    pub debug: DebugConfig,
}

/// Records of requests and answers for administrators.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DebugConfig {
    /// Of which models they are kept.
    pub record: DebugRecords,
    /// For how long.
    #[serde(with = "humantime_serde")]
    pub retention: Duration,
}

impl Default for DebugConfig {
    fn default() -> Self {
        Self { record: DebugRecords::Off, retention: Duration::from_secs(24 * 3600) }
    }
}

/// Of which models requests and answers are kept.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DebugRecords {
    /// Of none, whatever a model says.
    #[default]
    Off,
    /// Of those with `record_debug`.
    Models,
    /// Of all.
    All,
}
