//! How builds fail.

use std::time::Duration;

use chatmesh_proto::provisioner::v1::JobErrorCode;

use crate::job::InvalidJob;
use crate::{kubernetes, local};

/// What a start that failed has left of its workspace.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Left {
    /// Nothing of the workspace runs, for sure.
    pub(crate) nothing_runs: bool,
    /// Something of what was begun may be there, or may still come.
    pub(crate) not_undone: bool,
}

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
    /// A start, of which it is known what it has left.
    #[error("{failure}")]
    Start { failure: Box<Failure>, left: Left },
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
            Self::Start { failure, .. } => failure.code(),
            _ => JobErrorCode::Unspecified,
        }
    }

    /// What is left of the workspace, where a start has failed.
    pub(crate) fn left(&self) -> Left {
        match self {
            Self::Start { left, .. } => *left,
            // It was dropped half-way.
            Self::Timeout(_) => Left { not_undone: true, ..Left::default() },
            _ => Left::default(),
        }
    }

    /// The failure of a start that has left this.
    pub(crate) fn leaving(self, left: Left) -> Self {
        match self {
            Self::Start { failure, .. } => Self::Start { failure, left },
            failure if failure.left() == left => failure,
            failure => Self::Start { failure: Box::new(failure), left },
        }
    }
}
