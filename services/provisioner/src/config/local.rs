//! Settings of the kind `local`.

use std::path::PathBuf;

use serde::Deserialize;

/// How workspaces on this machine are kept apart from it and from each other.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Isolation {
    /// With bubblewrap where it works on this machine, and not at all elsewhere; the log says which.
    #[default]
    Auto,
    /// With bubblewrap. Where it does not work no workspace is started.
    Bubblewrap,
    /// Not at all: commands in a workspace may read whatever this user may, other workspaces included.
    None,
}

/// Workspaces on this machine.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LocalConfig {
    /// How workspaces are isolated: `auto`, `bubblewrap` or `none`.
    pub isolation: Isolation,
    /// Files and directories that an isolated workspace may read though they are hidden otherwise: `/home`, `/root`,
    /// `/tmp`, `/var/tmp`, `/run`, `/mnt`, `/opt`, `/srv`, `/var/lib`, and what `hidden` names.
    pub readable: Vec<PathBuf>,
    /// Further files and directories that an isolated workspace must not read. A file that is replaced by another one can
    /// be read by workspaces that run already: better name its directory.
    pub hidden: Vec<PathBuf>,
}
