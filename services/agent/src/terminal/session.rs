//! One terminal.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use chatmesh_core::Timestamp;
use chatmesh_proto::agent::v1 as pb;
use chatmesh_proto::agent::v1::attach_terminal_response::Body;
use parking_lot::Mutex;
use tokio::sync::{Notify, mpsc, watch};
use tokio::time::timeout;
use uuid::Uuid;

use super::input::Size;
use super::life::{Exit, Life, State};
use super::screen::{Piece, Screen};
use crate::chat::ChatId;

/// How many pieces of input wait for a program that does not read.
const INPUT_QUEUE: usize = 4;

/// What is known of a terminal before it starts.
#[derive(Debug)]
pub(super) struct About {
    pub(super) id: Uuid,
    pub(super) chat: Option<ChatId>,
    pub(super) command: String,
    pub(super) workdir: PathBuf,
    pub(super) create_time: Timestamp,
}

/// A terminal and what its viewers share.
#[derive(Debug)]
pub(super) struct Session {
    pub(super) about: About,
    pub(super) life: Life,
    pub(super) size: watch::Sender<Size>,
    screen: Mutex<Screen>,
    /// Says that there is something new for viewers.
    news: watch::Sender<()>,
    /// How many viewers there are.
    viewers: watch::Sender<usize>,
    /// Says that a viewer made room.
    room: Notify,
    input: mpsc::Sender<Bytes>,
}

impl Session {
    /// A terminal that is to start, and what is typed into it.
    pub(super) fn new(about: About, size: Size) -> (Arc<Self>, mpsc::Receiver<Bytes>) {
        let (input, typed) = mpsc::channel(INPUT_QUEUE);
        let session = Self {
            about,
            life: Life::new(),
            size: watch::Sender::new(size),
            screen: Mutex::default(),
            news: watch::Sender::new(()),
            viewers: watch::Sender::new(0),
            room: Notify::new(),
            input,
        };
        (Arc::new(session), typed)
    }

    /// Adds a viewer; none where the terminal is about to end.
    pub(super) fn view(self: &Arc<Self>) -> Option<Viewer> {
        let mut screen = self.screen.lock();
        if self.life.state().is_ending() {
            return None;
        }
        let (id, replayed) = screen.attach();
        self.viewers.send_replace(screen.viewers());
        drop(screen);
        Some(Viewer { session: Arc::clone(self), id, replayed, news: self.news.subscribe(), is_over: false })
    }

    /// Ends the terminal where nobody looks at it any more.
    pub(super) fn close_if_unwatched(&self) {
        // Under the lock, so that nobody begins to look in between.
        let screen = self.screen.lock();
        if screen.viewers() == 0 {
            self.life.advance(State::Closing(pb::TerminalEnd::Idle));
        }
    }

    /// Shows output to everyone.
    pub(super) fn show(&self, bytes: &[u8]) {
        self.screen.lock().write(bytes);
        self.news.send_replace(());
    }

    /// Ends the terminal: what was shown is complete.
    pub(super) fn finish(&self, exit: Exit) {
        self.life.advance(State::Done(exit));
        self.news.send_replace(());
    }

    /// Waits until somebody who reads has room for more output. Nobody is waited for who reads
    /// nothing for as long as `patience`.
    pub(super) async fn wait_for_room(&self, patience: Duration) {
        while !self.screen.lock().has_room() {
            if timeout(patience, self.room.notified()).await.is_err() {
                self.screen.lock().stall();
            }
        }
    }

    /// Types; waits while the program does not read what was typed before.
    pub(super) async fn write(&self, data: Bytes) {
        // What is typed into a terminal that ended is lost, as it is everywhere.
        let _ = self.input.send(data).await;
    }

    /// The number of viewers, whenever it changes.
    pub(super) fn watch_viewers(&self) -> watch::Receiver<usize> {
        self.viewers.subscribe()
    }

    /// How many viewers there are.
    pub(super) fn viewers(&self) -> usize {
        *self.viewers.borrow()
    }

    pub(super) fn to_proto(&self) -> pb::Terminal {
        pb::Terminal {
            id: self.about.id.to_string(),
            command: self.about.command.clone(),
            workdir: self.about.workdir.display().to_string(),
            state: pb::TerminalState::from(self.life.state()).into(),
            size: Some((*self.size.borrow()).into()),
            viewers: u32::try_from(self.viewers()).unwrap_or(u32::MAX),
            create_time: Some(self.about.create_time.into()),
        }
    }

    fn take(&self, viewer: u64) -> Option<Piece> {
        let mut screen = self.screen.lock();
        let had_room = screen.has_room();
        let piece = screen.take(viewer);
        if !had_room && screen.has_room() {
            self.room.notify_one();
        }
        piece
    }
}

/// Someone who looks at a terminal, until it is dropped.
#[derive(Debug)]
pub(super) struct Viewer {
    pub(super) session: Arc<Session>,
    /// So many of the first bytes were shown before.
    pub(super) replayed: u64,
    id: u64,
    news: watch::Receiver<()>,
    is_over: bool,
}

impl Viewer {
    /// Waits for what comes next; nothing after the end. Loses nothing where it is cancelled.
    pub(super) async fn next(&mut self) -> Option<Body> {
        while !self.is_over {
            self.news.borrow_and_update();
            // State before output: output that is read after the end was seen is complete.
            let state = self.session.life.state();
            match (self.session.take(self.id), state) {
                (Some(Piece::Data(data)), _) => return Some(Body::Data(data)),
                (Some(Piece::Skipped(bytes)), _) => return Some(Body::Skipped(pb::TerminalSkipped { bytes })),
                (None, State::Done(Exit { code: exit_code, reason })) => {
                    self.is_over = true;
                    return Some(Body::Exited(pb::TerminalExited { exit_code, reason: reason.into() }));
                }
                // The sender lives in the session.
                (None, _) => drop(self.news.changed().await),
            }
        }
        None
    }
}

impl Drop for Viewer {
    fn drop(&mut self) {
        let mut screen = self.session.screen.lock();
        screen.detach(self.id);
        self.session.viewers.send_replace(screen.viewers());
        drop(screen);
        self.session.room.notify_one();
    }
}
