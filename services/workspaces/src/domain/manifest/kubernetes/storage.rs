//! Volumes.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A volume for the files of a workspace.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StorageManifest {
    /// How large it is, like `10Gi`. A volume that is there already only ever grows.
    pub size: String,
    /// The storage class; the cluster's default where it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub class: Option<String>,
    /// Where it is in the workspace: the home directory.
    #[serde(default = "home")]
    pub mount_path: String,
}

fn home() -> String {
    "/home/workspace".to_owned()
}
