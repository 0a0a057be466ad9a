//! Why a call is refused.

use chatmesh_rpc::Code;
use tonic::Status;

use crate::status::status;

/// Why a call is refused.
#[derive(Debug, thiserror::Error)]
pub(super) enum Error {
    /// The manifest is wrong.
    #[error("{0}")]
    Manifest(String),
    /// Something else came first, or nothing in time.
    #[error("the first message must be the manifest, within ten seconds")]
    NoManifest,
    /// The agent has a manifest of another build.
    #[error("this agent serves the build `{present}`, not `{given}`; each build needs an agent of its own")]
    OtherBuild { present: String, given: String },
    /// Another call came later.
    #[error("a later call supervises this agent")]
    Superseded,
}

impl From<Error> for Status {
    fn from(error: Error) -> Self {
        let (code, reason) = match &error {
            Error::Manifest(_) => (Code::InvalidArgument, "MANIFEST_INVALID"),
            Error::NoManifest => (Code::InvalidArgument, "MANIFEST_MISSING"),
            Error::OtherBuild { .. } => (Code::FailedPrecondition, "BUILD_CHANGED"),
            Error::Superseded => (Code::Aborted, "SUPERSEDED"),
        };
        status(code, reason, error.to_string())
    }
}
