//! What goes wrong with a cluster, in words for those who asked for the workspace.

use std::path::PathBuf;

use crate::failure::Failure;

/// Why a build failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum KubernetesError {
    #[error("the provisioner does not know its cluster: {0}; check provisioner.kubernetes")]
    Config(String),
    #[error("can not read provisioner.agent_ca_file `{}`: {source}", path.display())]
    Authorities { path: PathBuf, source: std::io::Error },
    #[error(
        "the template restricts the network, but provisioner.kubernetes.relay_egress does not say how the agent \
         reaches the relay: set it"
    )]
    NoRelayEgress,
    #[error("the cluster does not answer: {0}; try again")]
    NoAnswer(String),
    #[error("the quota of the namespace is used up: {0}; delete a workspace, or ask for more")]
    Quota(String),
    #[error("the cluster does not let the provisioner {what}: {problem}")]
    Forbidden { what: String, problem: String },
    #[error("the cluster refused to {what}: {problem}")]
    Refused { what: String, problem: String },
    #[error("{0}")]
    Pod(String),
    /// By a person, or by another provisioner that has the build by now and makes its own.
    #[error("the Pod was deleted by somebody else")]
    Deleted,
    #[error("the Pod does not run after {seconds} seconds: {state}")]
    NotInTime { seconds: u64, state: String },
    #[error("not done after {seconds} seconds")]
    NotUndone { seconds: u64 },
    #[error("{what} is still there after {seconds} seconds: look what keeps it in the cluster, then try again")]
    StillThere { what: String, seconds: u64 },
}

/// Puts into words why the cluster did not do `what`.
pub(super) fn failure(what: &str, error: kube::Error) -> Failure {
    let (what, status) = match error {
        kube::Error::Api(status) => (what.to_owned(), status),
        error => return KubernetesError::NoAnswer(chain(&error)).into(),
    };
    let problem = status.message.clone();
    match status.code {
        403 if problem.contains("exceeded quota") => KubernetesError::Quota(problem).into(),
        // The server has begun, and does not know how it ended.
        504 => KubernetesError::NoAnswer(problem).into(),
        401 | 403 => KubernetesError::Forbidden { what, problem }.into(),
        400 | 422 => Failure::InvalidTemplate(format!("the cluster refused to {what}: {problem}")),
        _ => KubernetesError::Refused { what, problem }.into(),
    }
}

/// How a server begins that does not know a field: it says that with a code of its own failures.
const UNKNOWN_FIELD: &str = "failed to create typed patch object";

/// True where the same call may succeed a little later.
pub(super) fn is_passing(error: &kube::Error) -> bool {
    match error {
        kube::Error::Api(status) if status.message.starts_with(UNKNOWN_FIELD) => false,
        kube::Error::Api(status) => status.code == 429 || status.code >= 500,
        kube::Error::HyperError(_) | kube::Error::Service(_) | kube::Error::ReadEvents(_) => true,
        _ => false,
    }
}

/// True where the server has said that it has not done what was asked: it gives up in the middle with a code of its own
/// failures.
pub(super) fn is_answer(error: &kube::Error) -> bool {
    matches!(error, kube::Error::Api(status) if status.code < 500 || status.message.starts_with(UNKNOWN_FIELD))
}

/// True where there is nothing of that name.
pub(super) fn is_absent(error: &kube::Error) -> bool {
    matches!(error, kube::Error::Api(status) if status.code == 404)
}

/// An error with its causes: the first one alone says little.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        source = cause.source();
    }
    text
}

impl KubernetesError {
    /// A cluster that can not be found.
    pub(super) fn config(error: &dyn std::error::Error) -> Self {
        Self::Config(chain(error))
    }
}
