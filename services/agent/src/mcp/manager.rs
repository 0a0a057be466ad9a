//! Keeps the sessions, and says what there is.

use std::sync::Arc;
use std::time::Duration;

use chatmesh_proto::agent::v1 as pb;
use futures::future::join_all;
use parking_lot::Mutex;
use rmcp::model::JsonObject;
use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::debug;

use super::connect::{Connect, Connector};
use super::error::Error;
use super::name;
use super::state::State;
use super::watch::Watch;
use crate::context::Settings;

/// Bounds of time.
#[derive(Debug, Clone)]
pub(crate) struct Limits {
    /// How long a server may take to connect and to list its tools.
    pub(crate) connect: Duration,
    /// How long a call may take.
    pub(crate) call: Duration,
    /// How long changes of the files are collected before they are read.
    pub(crate) debounce: Duration,
    /// How long a session, and then its program, may take to end by themselves.
    pub(crate) close: Duration,
    /// How long a listing waits where the caller does not say.
    pub(crate) wait: Duration,
    /// How long it waits at most.
    pub(crate) max_wait: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(30),
            call: Duration::from_secs(60),
            debounce: Duration::from_millis(250),
            close: Duration::from_secs(2),
            wait: Duration::from_secs(15),
            max_wait: Duration::from_secs(60),
        }
    }
}

/// The MCP servers of the workspace; clones share them.
#[derive(Debug, Clone)]
pub(crate) struct Manager {
    inner: Arc<Inner>,
}

#[derive(Debug)]
pub(super) struct Inner {
    pub(super) settings: Settings,
    pub(super) connector: Arc<dyn Connect>,
    pub(super) limits: Limits,
    pub(super) state: Mutex<State>,
    pub(super) watch: Arc<Watch>,
    /// Something may have changed.
    pub(super) nudge: Arc<Notify>,
    pub(super) tasks: TaskTracker,
    settled: watch::Receiver<bool>,
    requests: watch::Sender<Requests>,
    /// The number of the last request that was answered.
    answered: watch::Sender<u64>,
    closing: CancellationToken,
}

/// Requests for a reload. Those that come while one is at work share the next one.
#[derive(Debug, Clone, Copy, Default)]
struct Requests {
    number: u64,
    refresh: bool,
}

impl Manager {
    /// A manager without sessions. Nothing is connected before `settled` is true, or nobody is left
    /// to say so.
    pub(crate) fn new(
        settings: Settings,
        connector: Connector,
        settled: watch::Receiver<bool>,
        limits: Limits,
    ) -> Self {
        Self::with(settings, connector, settled, limits)
    }

    /// A manager that connects servers in its own way.
    pub(super) fn with(
        settings: Settings,
        connector: impl Connect,
        settled: watch::Receiver<bool>,
        limits: Limits,
    ) -> Self {
        let nudge = Arc::new(Notify::new());
        let inner = Inner {
            settings,
            connector: Arc::new(connector),
            limits,
            state: Mutex::default(),
            watch: Arc::new(Watch::new(Arc::clone(&nudge))),
            nudge,
            tasks: TaskTracker::new(),
            settled,
            requests: watch::Sender::new(Requests::default()),
            answered: watch::Sender::new(0),
            closing: CancellationToken::new(),
        };
        Self { inner: Arc::new(inner) }
    }

    /// Connects servers and follows changes until `shutdown` is cancelled, then closes all sessions.
    pub(crate) async fn run(&self, shutdown: &CancellationToken) {
        let inner = &self.inner;
        let work = async {
            // Nobody left to say so is as good as settled.
            let _ = inner.settled.clone().wait_for(|settled| *settled).await;
            tokio::join!(inner.answer_requests(), inner.follow_changes());
        };
        shutdown.run_until_cancelled(work).await;
        inner.close().await;
    }

    /// Lists tools and servers. Waits until everything that was asked for up to now is done, for
    /// `wait` at most; the reload itself does not depend on this caller.
    pub(super) async fn list(&self, refresh: bool, wait: Option<Duration>) -> Result<pb::ListMcpToolsResponse, Error> {
        let inner = &self.inner;
        let number = inner.request(refresh);
        let mut answered = inner.answered.subscribe();
        let wait = wait.unwrap_or(inner.limits.wait).min(inner.limits.max_wait);
        let waiting = tokio::time::timeout(wait, answered.wait_for(|answered| *answered >= number));
        match inner.closing.run_until_cancelled(waiting).await {
            None => Err(Error::ShuttingDown),
            Some(waited) => Ok(inner.state.lock().listing(waited.is_ok())),
        }
    }

    /// Calls a tool by the name under which it was listed.
    pub(super) async fn call(
        &self,
        name: &str,
        arguments: JsonObject,
        call_id: &str,
    ) -> Result<pb::CallMcpToolResponse, Error> {
        let (server, tool) = name::split(name)?;
        if self.inner.closing.is_cancelled() {
            return Err(Error::ShuttingDown);
        }
        let session = self.inner.state.lock().session(server);
        let answer = match session {
            Ok(session) => session.call(tool, arguments, call_id, self.inner.limits.call).await,
            Err(error) => Err(error),
        };
        if matches!(answer, Err(Error::Gone(_) | Error::NotConnected { .. })) {
            // The next call is to find it there again: nobody lists in the middle of a turn.
            self.inner.request(false);
        }
        answer
    }
}

impl Inner {
    /// Asks for a look at the files; returns the number of the request.
    fn request(&self, refresh: bool) -> u64 {
        let mut number = 0;
        self.requests.send_modify(|requests| {
            requests.number += 1;
            requests.refresh |= refresh;
            number = requests.number;
        });
        number
    }

    /// Answers requests, all that have gathered with one reload.
    async fn answer_requests(&self) {
        let mut requests = self.requests.subscribe();
        // The first one is the agent's own: servers are connected without anybody asking.
        self.request(false);
        while requests.changed().await.is_ok() {
            let mut taken = Requests::default();
            self.requests.send_if_modified(|requests| {
                taken = *requests;
                requests.refresh = false;
                false
            });
            self.reload(taken.refresh).await;
            self.answered.send_replace(taken.number);
        }
    }

    /// Turns nudges into requests, those of a moment into one.
    async fn follow_changes(&self) {
        loop {
            self.nudge.notified().await;
            tokio::time::sleep(self.limits.debounce).await;
            self.request(false);
        }
    }

    async fn close(&self) {
        self.closing.cancel();
        let sessions = self.state.lock().clear();
        join_all(sessions.iter().map(|session| session.close(self.limits.close))).await;
        self.tasks.close();
        // Each task closes a session in three steps.
        if tokio::time::timeout(self.limits.close * 4, self.tasks.wait()).await.is_err() {
            debug!("sessions of MCP servers do not end");
        }
    }
}
