//! What is known of a repository.

use std::path::Path;

use chatmesh_core::Timestamp;
use chatmesh_proto::agent::v1 as pb;

/// A repository at one moment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct State {
    /// Empty where HEAD is detached.
    pub(super) branch: String,
    /// Empty where there is none yet.
    pub(super) head_commit: String,
    /// Without credentials.
    pub(super) remote_origin: String,
    pub(super) diff: Diff,
}

/// How a worktree differs from HEAD.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Diff {
    pub(super) text: String,
    pub(super) changed_files: u32,
    /// Files for which a line stands in place of the diff.
    pub(super) omitted_files: u32,
    /// There is too much of it, and the text only says so.
    pub(super) truncated: bool,
}

/// What a scan found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Outcome {
    /// The repository as it is.
    State(State),
    /// There is no repository any more.
    Removed,
    /// The repository could not be read; what was known of it may still be true.
    Failed(String),
}

/// An outcome and when it was found.
#[derive(Debug)]
pub(super) struct Scan {
    pub(super) time: Timestamp,
    pub(super) outcome: Outcome,
}

/// A repository as it is told to callers.
pub(super) fn repository(root: &Path, state: &State, time: Timestamp) -> pb::WatchChangesResponse {
    event(pb::Repository {
        branch: state.branch.clone(),
        head_commit: state.head_commit.clone(),
        remote_origin: state.remote_origin.clone(),
        unified_diff: state.diff.text.clone(),
        changed_files: state.diff.changed_files,
        omitted_files: state.diff.omitted_files,
        truncated: state.diff.truncated,
        ..named(root, time)
    })
}

/// A repository that is gone.
pub(super) fn removed(root: &Path, time: Timestamp) -> pb::WatchChangesResponse {
    event(pb::Repository { removed: true, ..named(root, time) })
}

/// A problem with a repository, or with the request where there is no root.
pub(super) fn problem(root: Option<&Path>, message: impl Into<String>) -> pb::WatchChangesResponse {
    let repo_root = root.map(|root| root.display().to_string()).unwrap_or_default();
    let problem = pb::WatchProblem { repo_root, message: message.into() };
    pb::WatchChangesResponse { event: Some(pb::watch_changes_response::Event::Problem(problem)) }
}

fn named(root: &Path, time: Timestamp) -> pb::Repository {
    pb::Repository { repo_root: root.display().to_string(), scan_time: Some(time.into()), ..Default::default() }
}

fn event(repository: pb::Repository) -> pb::WatchChangesResponse {
    pb::WatchChangesResponse { event: Some(pb::watch_changes_response::Event::Repository(repository)) }
}
