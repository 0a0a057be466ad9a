//! How long to wait for a workspace.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How long those wait who wait for a workspace, in whole seconds, like `5m`; an hour at most. Where one is left out,
/// they decide. Nothing is stopped when the time is over: they go on without it, and say so.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Timeouts {
    /// Until a build is carried out. A provisioner takes ten minutes at most; before that it may have to be waited for.
    #[serde(default, with = "humantime_serde", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub build: Option<Duration>,
    /// Until the agent of a workspace that was built connects; one that has not done so by then counts as late. With `0s`
    /// it never does, like one that somebody starts by hand some day, and those who wait for it decide how long.
    #[serde(default, with = "humantime_serde", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub connection: Option<Duration>,
    /// Until the scripts that run when the workspace starts have ended.
    #[serde(default, with = "humantime_serde", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub startup: Option<Duration>,
}

impl Timeouts {
    pub(super) fn is_default(&self) -> bool {
        *self == Self::default()
    }
}
