//! Opens, finds and ends terminals.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use chatmesh_core::{Clock as _, SystemClock};
use chatmesh_proto::agent::v1 as pb;
use parking_lot::Mutex;
use tokio::sync::mpsc;
use tokio::task::spawn_blocking as blocking;
use tokio::time::timeout;
use tokio_util::task::TaskTracker;
use tracing::{Instrument as _, info_span, warn};
use uuid::Uuid;

use super::error::Error;
use super::input::Opening;
use super::life::State;
use super::run::run;
use super::session::{About, Session, Viewer};
use super::spawn::{Program, Spawned, spawn};
use super::table::{Found, Place, Table};
use crate::chat::{ChatId, is_visible};
use crate::process::{Environment, resolve_workdir};

/// What programs are told about the terminal, unless the caller says otherwise.
const TERM: &str = "xterm-256color";

/// Bounds of time and number.
#[derive(Debug, Clone)]
pub(crate) struct Limits {
    /// How long a terminal lives without viewers.
    pub(crate) idle: Duration,
    /// How long opening one, or waiting for one that is ending, may take.
    pub(crate) attach: Duration,
    /// How long a program waits for viewers that read nothing.
    pub(crate) patience: Duration,
    /// How long others may hold a terminal open whose program has ended.
    pub(crate) drain: Duration,
    /// How long programs have to end by themselves.
    pub(crate) stop: Duration,
    /// How many terminals there may be; each takes 256 KiB at most, and as much input.
    pub(crate) open: usize,
    /// How many viewers there may be, of all terminals together.
    pub(crate) viewers: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            idle: Duration::from_secs(300),
            attach: Duration::from_secs(30),
            patience: Duration::from_secs(5),
            drain: Duration::from_secs(1),
            stop: Duration::from_secs(5),
            open: 64,
            viewers: 256,
        }
    }
}

/// The terminals of the workspace; clones share them.
#[derive(Debug, Clone)]
pub(crate) struct Terminals {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    directory: PathBuf,
    environment: Environment,
    limits: Limits,
    table: Arc<Mutex<Table>>,
    tasks: TaskTracker,
}

/// A viewer that is attached.
#[derive(Debug)]
pub(super) struct Attached {
    pub(super) viewer: Viewer,
    /// The terminal was opened for it.
    pub(super) created: bool,
}

impl Terminals {
    /// No terminals, which are opened in `directory` by default.
    pub(crate) fn new(directory: PathBuf, environment: Environment, limits: Limits) -> Self {
        let (table, tasks) = (Arc::default(), TaskTracker::new());
        Self { inner: Arc::new(Inner { directory, environment, limits, table, tasks }) }
    }

    /// How many are open.
    pub(crate) fn count(&self) -> usize {
        self.inner.table.lock().sessions().len()
    }

    /// Looks at a terminal, which is opened where there is none.
    pub(super) async fn attach(&self, chat: Option<&ChatId>, opening: &Opening) -> Result<Attached, Error> {
        let limit = self.inner.limits.attach;
        let attached = timeout(limit, self.inner.attach(chat, opening)).await;
        attached.unwrap_or(Err(Error::Timeout { what: "the terminal was not ready", seconds: limit.as_secs() }))
    }

    /// Lists the terminals that `chat` may see, the newest first.
    pub(super) fn list(&self, chat: Option<&ChatId>) -> Vec<pb::Terminal> {
        let table = self.inner.table.lock();
        let visible = table.sessions().filter(|session| is_visible(session.about.chat.as_ref(), chat));
        let mut sessions: Vec<_> = visible.cloned().collect();
        drop(table);
        sessions.sort_by_key(|session| std::cmp::Reverse((session.about.create_time, session.about.id)));
        sessions.iter().map(|session| session.to_proto()).collect()
    }

    /// Ends a terminal and waits until it has.
    pub(super) async fn end(&self, chat: Option<&ChatId>, id: Uuid) -> Result<(), Error> {
        let session = self.inner.opened(chat, id).await?;
        session.life.advance(State::Closing(pb::TerminalEnd::Closed));
        let limit = self.inner.limits.end();
        let ended = timeout(limit, session.life.done()).await;
        ended.map_err(|_| Error::Timeout { what: "the terminal did not end", seconds: limit.as_secs() })
    }

    /// Refuses new terminals and ends those that are open.
    pub(crate) async fn close(&self) {
        let sessions = self.inner.table.lock().close();
        for session in &sessions {
            session.life.advance(State::Closing(pb::TerminalEnd::Shutdown));
        }
        self.inner.tasks.close();
        if timeout(self.inner.limits.end(), self.inner.tasks.wait()).await.is_err() {
            warn!("terminals do not end");
        }
    }

    /// Runs a task that is counted among those of the terminals.
    pub(super) fn tasks(&self) -> &TaskTracker {
        &self.inner.tasks
    }
}

impl Inner {
    async fn attach(self: &Arc<Self>, chat: Option<&ChatId>, opening: &Opening) -> Result<Attached, Error> {
        loop {
            let found = self.table.lock().look(chat, opening.id, &self.limits)?;
            let (session, created) = match found {
                Found::Open(session) => (session, false),
                Found::Opening(settled) => {
                    settled.cancelled().await;
                    continue;
                }
                Found::Nothing if opening.existing_only => return Err(Error::NotFound(opening.id)),
                Found::Nothing => match Place::take(&self.table, opening.id, self.limits.open)? {
                    Some(place) => (self.open(chat, opening, place).await?, true),
                    None => continue,
                },
            };
            if let Some(viewer) = session.view() {
                if let Some(size) = opening.size {
                    session.size.send_replace(size);
                }
                return Ok(Attached { viewer, created });
            }
            // It is about to end; after that the id is free.
            session.life.done().await;
        }
    }

    /// Opens a terminal. Where the caller goes away meanwhile, nothing is left of it.
    async fn open(
        self: &Arc<Self>,
        chat: Option<&ChatId>,
        opening: &Opening,
        place: Place,
    ) -> Result<Arc<Session>, Error> {
        let workdir = resolve_workdir(&opening.workdir, &self.directory, self.environment.home()).await?;
        let mut variables = opening.env.clone();
        variables.entry("TERM".to_owned()).or_insert_with(|| TERM.to_owned());
        let env = self.environment.of(&variables, chat);
        let about = About {
            id: opening.id,
            chat: chat.cloned(),
            command: opening.command.clone(),
            workdir: workdir.clone(),
            create_time: SystemClock.now(),
        };
        let (command, size) = (opening.command.clone(), opening.size.unwrap_or_default());
        let spawning = blocking(move || spawn(Program::find(command, &env), &workdir, env, size));
        let spawned = spawning.await.map_err(|_| Error::ShuttingDown)?.map_err(Error::Spawn)?;
        let (session, typed) = Session::new(about, size);
        session.life.advance(State::Ready);
        place.fill(Arc::clone(&session))?;
        let span = info_span!("terminal.run", terminal.id = %opening.id);
        self.tasks.spawn(Arc::clone(self).accompany(Arc::clone(&session), spawned, typed).instrument(span));
        Ok(session)
    }

    /// The terminal with this id, also where it is just being opened.
    async fn opened(&self, chat: Option<&ChatId>, id: Uuid) -> Result<Arc<Session>, Error> {
        let found = async {
            loop {
                let found = self.table.lock().get(chat, id)?;
                match found {
                    Found::Open(session) => return Ok(session),
                    Found::Opening(settled) => settled.cancelled().await,
                    Found::Nothing => return Err(Error::NotFound(id)),
                }
            }
        };
        let limit = self.limits.attach;
        let found = timeout(limit, found).await;
        found.unwrap_or(Err(Error::Timeout { what: "the terminal was not ready", seconds: limit.as_secs() }))
    }

    async fn accompany(self: Arc<Self>, session: Arc<Session>, spawned: Spawned, typed: mpsc::Receiver<Bytes>) {
        let exit = run(&session, spawned, typed, &self.limits).await;
        // First the id is free, then those who wait for that are told.
        self.table.lock().remove(session.about.id);
        session.finish(exit);
    }
}

impl Limits {
    /// How long the end of a terminal takes at most: to ask, to kill, and to read the rest.
    fn end(&self) -> Duration {
        2 * self.stop + self.drain + Duration::from_secs(1)
    }
}
