//! Which terminals there are.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::error::Error;
use super::session::Session;
use super::terminals::Limits;
use crate::chat::{ChatId, is_visible};

/// Terminals, and ids for which one is being opened.
#[derive(Debug, Default)]
pub(super) struct Table {
    sessions: HashMap<Uuid, Arc<Session>>,
    /// Each is cancelled when its terminal is open, or will not be.
    opening: HashMap<Uuid, CancellationToken>,
    is_closed: bool,
}

/// What there is under an id.
#[derive(Debug)]
pub(super) enum Found {
    /// A terminal.
    Open(Arc<Session>),
    /// Somebody opens one: wait for the token, then look again.
    Opening(CancellationToken),
    /// Nothing.
    Nothing,
}

impl Table {
    /// All that are open.
    pub(super) fn sessions(&self) -> impl ExactSizeIterator<Item = &Arc<Session>> {
        self.sessions.values()
    }

    /// Refuses new terminals; returns those that are open.
    pub(super) fn close(&mut self) -> Vec<Arc<Session>> {
        self.is_closed = true;
        self.sessions.values().cloned().collect()
    }

    /// The terminal with this id, where `chat` may see it.
    pub(super) fn get(&self, chat: Option<&ChatId>, id: Uuid) -> Result<Found, Error> {
        match self.sessions.get(&id) {
            Some(session) if is_visible(session.about.chat.as_ref(), chat) => Ok(Found::Open(Arc::clone(session))),
            Some(_) => Err(Error::NotFound(id)),
            None => Ok(self.opening.get(&id).cloned().map_or(Found::Nothing, Found::Opening)),
        }
    }

    /// The terminal with this id, for one more viewer.
    pub(super) fn look(&self, chat: Option<&ChatId>, id: Uuid, limits: &Limits) -> Result<Found, Error> {
        let viewers: usize = self.sessions().map(|session| session.viewers()).sum();
        if viewers >= limits.viewers {
            return Err(Error::TooManyViewers(viewers));
        }
        self.get(chat, id)
    }

    /// Takes out a terminal that has ended.
    pub(super) fn remove(&mut self, id: Uuid) {
        self.sessions.remove(&id);
    }
}

/// A place in the table for a terminal that is about to be opened; given back when it is not.
#[derive(Debug)]
pub(super) struct Place {
    table: Arc<Mutex<Table>>,
    id: Uuid,
    /// Tells those who wait for the terminal.
    settled: CancellationToken,
}

impl Place {
    /// Takes the place of a terminal, unless there is one, or somebody else opens it.
    ///
    /// # Errors
    /// The agent shuts down, or `max` are open.
    pub(super) fn take(table: &Arc<Mutex<Table>>, id: Uuid, max: usize) -> Result<Option<Self>, Error> {
        let mut open = table.lock();
        let count = open.sessions.len() + open.opening.len();
        if open.sessions.contains_key(&id) || open.opening.contains_key(&id) {
            return Ok(None);
        }
        if open.is_closed {
            return Err(Error::ShuttingDown);
        }
        if count >= max {
            return Err(Error::TooMany(count));
        }
        let settled = CancellationToken::new();
        open.opening.insert(id, settled.clone());
        Ok(Some(Self { table: Arc::clone(table), id, settled }))
    }

    /// Puts the terminal there, unless nothing may be open any more.
    ///
    /// # Errors
    /// The agent shuts down.
    pub(super) fn fill(self, session: Arc<Session>) -> Result<(), Error> {
        let mut open = self.table.lock();
        if open.is_closed {
            return Err(Error::ShuttingDown);
        }
        open.sessions.insert(self.id, session);
        Ok(())
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.table.lock().opening.remove(&self.id);
        self.settled.cancel();
    }
}
