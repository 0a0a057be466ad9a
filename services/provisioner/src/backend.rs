//! What carries builds out: one backend for each kind of provisioner.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use tokio_util::sync::CancellationToken;

use crate::config::Kind;
use crate::failure::{Failure, Left};
use crate::job::{Job, JobAgent, Work};
use crate::job_log::JobLog;

/// Starts, stops and deletes workspaces of one kind.
///
/// A lease may move to another provisioner in the middle of a build. So each of these comes to the same when it is done
/// twice, when it is dropped half-way and done again, and when another provisioner of the kind did the first half.
#[async_trait]
pub(crate) trait Backend: fmt::Debug + Send + Sync {
    /// Starts the workspace with all of `agents`, each with its token, in place of what runs of it. Files that it had before are
    /// there again. Settings that make no sense are refused before anything is changed; what is cancelled half-way
    /// leaves nothing that runs.
    async fn start(&self, job: &Job, agents: &[JobAgent], run: &Run) -> Result<(), Failure>;

    /// Stops the workspace and keeps its files. There may be nothing to stop.
    async fn stop(&self, job: &Job, run: &Run) -> Result<(), Failure>;

    /// Removes the workspace with everything in it. There may be nothing to remove.
    async fn delete(&self, job: &Job, run: &Run) -> Result<(), Failure>;

    /// The variables with which the owner of the workspace starts its agents, without their tokens; none where `start` has
    /// started them.
    fn by_hand(&self, _job: &Job) -> BTreeMap<String, String> {
        BTreeMap::new()
    }

    /// True where nothing of the workspace runs, for sure. Asked where a start has failed and nothing of it is left.
    async fn runs_nothing(&self, _job: &Job) -> bool {
        false
    }

    /// Makes sure that nobody else does what this provisioner is there for; waits for the one that does. Before the first
    /// build.
    async fn open(&self) -> Result<(), Failure> {
        Ok(())
    }

    /// Takes up what earlier runs of this provisioner have left, while the first builds are carried out already. May be
    /// dropped half-way.
    async fn take_up(&self) {}

    /// Ends what does not outlive this provisioner, after the last build.
    async fn shut_down(&self) {}
}

/// What a build is carried out with.
#[derive(Debug, Clone)]
pub(crate) struct Run {
    /// Where the build says what it does.
    pub(crate) log: JobLog,
    /// Cancelled where somebody wants the build to be given up.
    pub(crate) cancel: CancellationToken,
}

impl Run {
    /// Fails where the build is to be given up.
    pub(crate) fn check(&self) -> Result<(), Failure> {
        if self.cancel.is_cancelled() { Err(Failure::Canceled) } else { Ok(()) }
    }

    /// Waits for `work`, unless the build is to be given up.
    pub(crate) async fn unless_canceled<T>(&self, work: impl Future<Output = T>) -> Result<T, Failure> {
        tokio::select! {
            biased;
            () = self.cancel.cancelled() => Err(Failure::Canceled),
            done = work => Ok(done),
        }
    }
}

/// Carries a build out. What stops or deletes is not given up once it has begun: there is no way back.
pub(crate) async fn carry_out(backend: &dyn Backend, job: &Job, run: &Run) -> Result<(), Failure> {
    let work = async {
        run.check()?;
        match &job.work {
            Work::Start(agents) => backend.start(job, agents, run).await,
            Work::Stop => backend.stop(job, run).await,
            Work::Delete => backend.delete(job, run).await,
        }
    };
    match work.await {
        Err(failure) if matches!(job.work, Work::Start(_)) => {
            let left = failure.left();
            // What may still come is not seen yet.
            let nothing_runs = !left.not_undone && backend.runs_nothing(job).await;
            Err(failure.leaving(Left { nothing_runs, ..left }))
        }
        ended => ended,
    }
}

/// Refuses settings for a kind that has none.
pub(crate) fn no_settings(kind: Kind, settings: &str) -> Result<(), Failure> {
    match settings.trim() {
        "" | "{}" => Ok(()),
        _ => Err(Failure::InvalidTemplate(format!("the template has settings for `{kind}`, which knows none"))),
    }
}

/// The backends of this provisioner.
#[derive(Debug, Clone, Default)]
pub(crate) struct Backends(BTreeMap<Kind, Arc<dyn Backend>>);

impl Backends {
    pub(crate) fn insert(&mut self, kind: Kind, backend: Arc<dyn Backend>) {
        self.0.insert(kind, backend);
    }

    /// The kinds of builds that are carried out.
    pub(crate) fn kinds(&self) -> Vec<String> {
        self.0.keys().map(ToString::to_string).collect()
    }

    /// The backend for builds of this kind.
    pub(crate) fn find(&self, kind: &str) -> Result<&dyn Backend, Failure> {
        let found = self.0.iter().find(|(known, _)| known.as_str() == kind);
        found.map(|(_, backend)| &**backend).ok_or_else(|| Failure::UnknownKind(kind.to_owned()))
    }

    pub(crate) async fn open(&self) -> Result<(), Failure> {
        for backend in self.0.values() {
            backend.open().await?;
        }
        Ok(())
    }

    pub(crate) async fn take_up(&self) {
        for backend in self.0.values() {
            backend.take_up().await;
        }
    }

    pub(crate) async fn shut_down(&self) {
        for backend in self.0.values() {
            backend.shut_down().await;
        }
    }
}
