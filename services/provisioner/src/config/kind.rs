//! Kinds of workspaces.

use std::fmt;

use serde::Deserialize;

/// A kind of workspaces, as templates name it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// A directory on the machine of the provisioner. Builds of a workspace go to any provisioner that carries out its
    /// kind: there must be one for this kind in a mesh, or a workspace is on two machines.
    Local,
    /// A Pod in a cluster.
    Kubernetes,
    /// Whatever somebody starts an agent on by hand.
    External,
}

impl Kind {
    /// Its name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Local => "local",
            Self::Kubernetes => "kubernetes",
            Self::External => "external",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
