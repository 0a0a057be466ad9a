//! How builds fail.

use std::time::Duration;

use chatmesh_proto::provisioner::v1::JobErrorCode;

use crate::job::InvalidJob;
use crate::{kubernetes, local};

/// Why a build failed; the text goes to the people who asked for it.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// Somebody wanted it to be given up, and what was begun is undone.
    #[error("the build was given up because that was asked for")]
    Canceled,
    /// The template must be mended.
    #[error("{0}: mend the template")]
    InvalidTemplate(String),
    #[error(transparent)]
    InvalidJob(#[from] InvalidJob),
    #[error("this provisioner does not carry out builds of the kind `{0}`: add it to provisioner.kinds")]
    UnknownKind(String),
    #[error("not done after {} seconds: try again", .0.as_secs())]
    Timeout(Duration),
    #[error(transparent)]
    Local(#[from] local::LocalError),
    #[error(transparent)]
    Kubernetes(#[from] kubernetes::KubernetesError),
}

impl Failure {
    /// What kind of failure it is, for those who act on it.
    pub(crate) fn code(&self) -> JobErrorCode {
        match self {
            Self::Canceled => JobErrorCode::Canceled,
            Self::InvalidTemplate(_) => JobErrorCode::InvalidTemplate,
            _ => JobErrorCode::Unspecified,
        }
    }
}
