//! Presets.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::WrittenValue;

/// Values that belong together, under one name.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Preset {
    /// Names it among the presets of the version; 1 to 64 characters in one line.
    pub name: String,
    /// What it is for; 1000 bytes at most.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// A picture for it: a path that begins with `/`, or an `https://` address.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub icon: String,
    /// True for the one to suggest. It is not applied where none is chosen.
    #[serde(default)]
    pub is_default: bool,
    /// The values, by the names of parameters. Others have their defaults.
    #[serde(default)]
    pub parameters: BTreeMap<String, WrittenValue>,
    /// Workspaces that are made in advance.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prebuilds: Option<Prebuilds>,
}

/// Workspaces that are made with a preset before anybody asks for them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Prebuilds {
    /// How many are kept ready; 100 at most, and none where the provisioner is `external`: nobody starts their agents.
    pub instances: u32,
}
