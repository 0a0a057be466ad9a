//! Finds chats that need a worker, and leases them.
//!
//! A hint makes all workers look at the same list at once, of which each takes its own slice: see
//! [`share`](super::share). What others left over, because they are gone or know of other workers,
//! is taken a little later, by those with the most room first; and by the poll at the latest.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use chatmesh_bus::Listener;
use chatmesh_core::Backoff;
use futures::StreamExt as _;
use futures::stream;
use tokio::sync::{oneshot, watch};
use tokio::time::{Instant, MissedTickBehavior};
use tracing::{info, warn};

use super::share::{Offer, rank, share, slice};
use super::slots::{MAX_ENDING, Place};
use super::{STATEMENT_TIMEOUT, Worker};
use crate::domain::{ChatId, Lease};
use crate::hints;
use crate::store::{LiveWorker, Pool, Room, Runnable, StoreError};

/// The most chats that are listed at once.
const MAX_LISTED: u32 = 1024;
/// How many leases are asked for at the same time.
const LEASES_AT_ONCE: usize = 4;
/// How long a chat is left to each worker that comes first, and to each that has to be leased before it.
pub(super) const PATIENCE: Duration = Duration::from_millis(5);
/// The longest that a chat is left to others before it is anybody's.
pub(super) const MAX_PATIENCE: u32 = 10;
/// How long a chat is passed over that could not be leased.
const AVOIDED_FOR: Duration = Duration::from_secs(30);

/// Why a worker looks for chats.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wake {
    /// A chat became runnable: all look.
    Hint,
    /// Some were left over.
    Again,
    /// It is time.
    Poll,
}

/// What came of a batch of leases.
#[derive(Debug, Default)]
struct Batch {
    leased: usize,
    /// Chats that could not be leased for another reason than that somebody was faster.
    failed: Vec<ChatId>,
}

/// Looking did not work.
#[derive(Debug, thiserror::Error)]
enum LookError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("the database takes too long")]
    Timeout(#[from] tokio::time::error::Elapsed),
}

pub(super) struct Acquisition {
    worker: Worker,
    hints: Listener,
    free: watch::Receiver<Room>,
    /// How many chats of each kind the last look left over.
    left: Room,
    /// When to look at them again.
    again_at: Option<Instant>,
    /// How many of them wait for room here.
    crowded: Room,
    /// Until when chats are passed over that could not be leased, so that they hold no others up.
    avoided: HashMap<ChatId, Instant>,
}

impl Acquisition {
    pub(super) async fn run(worker: Worker) {
        let hints = Listener::open(&worker.state.bus, hints::runnable()).await;
        let free = worker.slots.follow();
        let (left, crowded) = (Room::default(), Room::default());
        Self { worker, hints, free, left, again_at: None, crowded, avoided: HashMap::new() }.work().await;
    }

    async fn work(mut self) {
        let stop = self.worker.state.tasks.shutdown().soft().clone();
        let mut poll = tokio::time::interval(self.worker.state.config.poll_interval);
        poll.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(5));
        loop {
            let wake = tokio::select! {
                () = stop.cancelled() => break,
                _ = poll.tick() => Wake::Poll,
                _ = self.hints.next() => Wake::Hint,
                () = at(self.again_at) => Wake::Again,
                () = has_room(&mut self.free, self.crowded) => Wake::Again,
            };
            // What is leased when this is dropped is run, or given back.
            let looked = tokio::select! {
                () = stop.cancelled() => break,
                looked = self.look(wake) => looked,
            };
            let Err(error) = looked else {
                backoff.reset();
                continue;
            };
            warn!(%error, "no chats could be leased");
            self.again_at = None;
            tokio::select! {
                () = stop.cancelled() => break,
                () = tokio::time::sleep(backoff.next_pause()) => {}
            }
        }
        let chats = self.worker.slots.len();
        if chats > 0 {
            info!(chats, "handing running chats over");
        }
    }

    async fn look(&mut self, wake: Wake) -> Result<(), LookError> {
        let free = self.worker.slots.free();
        if free.total() == 0 && wake != Wake::Poll {
            // Stopped chats are ended all the same, at the pace of the poll.
            (self.again_at, self.crowded) = (None, Room::of_each(1));
            return Ok(());
        }
        let state = Arc::clone(&self.worker.state);
        let (now, alive_for) = (state.clock.now(), state.config.lease_duration);
        let mut others = within(state.workers.live(now - alive_for)).await?;
        others.retain(|other| other.worker_id != state.worker_id);
        // What is hinted at from here on may not be in the list.
        self.hints.drain();
        let limit = self.listed(free, &others);
        let listing = match wake {
            // Leases that died are found by those who were not woken by a single chat.
            Wake::Hint => state.leases.unleased(limit, now, alive_for),
            Wake::Again | Wake::Poll => state.leases.runnable(limit, now, alive_for),
        };
        let waiting = within(listing).await?;

        let stopped: Vec<ChatId> =
            waiting.iter().filter(|chat| chat.is_stopped).map(|chat| chat.chat_id).take(MAX_ENDING).collect();
        let (mut chosen, mut last_rank) = (Vec::new(), 0);
        for pool in Pool::ALL {
            let mine = Offer { worker: state.worker_id, free: free.of(pool) };
            let others: Vec<Offer> = others.iter().map(|other| offer(other, pool)).collect();
            let list: Vec<Runnable> = waiting.iter().filter(|chat| chat.pool == pool).copied().collect();
            let number = list.first().map_or(0, |chat| chat.waiting);
            let list = self.without_avoided(list);
            let part = match wake {
                Wake::Hint => slice(number, mine, &others),
                Wake::Again => 0..share(number, mine, &others),
                // What was left over before was left over by all.
                Wake::Poll => 0..share(number, mine, &others).max(self.left.of(pool)),
            };
            let before = chosen.len();
            chosen.extend(cut(&list, part, mine.free).iter().map(|chat| (chat.chat_id, pool)));
            let taken = u32::try_from(chosen.len() - before).unwrap_or(u32::MAX);
            *self.left.of_mut(pool) = number.saturating_sub(taken);
            *self.crowded.of_mut(pool) = if taken >= mine.free { self.left.of(pool) } else { 0 };
            last_rank = last_rank.max(rank(mine, &others));
        }
        self.plan(wake, last_rank);
        let tried = chosen.len();
        let places = self.places(chosen, &stopped);
        let batch = self.lease(places).await;
        if batch.leased < tried {
            // Others were faster, and there is room still. Looking at once would be no better.
            self.crowded = Room::default();
            self.look_again_in(PATIENCE * MAX_PATIENCE);
        }
        let until = Instant::now() + AVOIDED_FOR;
        self.avoided.extend(batch.failed.into_iter().map(|chat| (chat, until)));
        Ok(())
    }

    fn without_avoided(&mut self, mut list: Vec<Runnable>) -> Vec<Runnable> {
        let now = Instant::now();
        self.avoided.retain(|_, until| *until > now);
        list.retain(|chat| !self.avoided.contains_key(&chat.chat_id) && !self.worker.slots.is_leasing(chat.chat_id));
        list
    }

    /// As many chats as all workers together can take, because each takes its part from the same
    /// list, and those that are passed over; at least one, because the list says how many there are.
    fn listed(&self, free: Room, others: &[LiveWorker]) -> Room {
        let passed_over = u32::try_from(self.avoided.len()).unwrap_or(u32::MAX);
        let mut limit = free;
        for other in others {
            limit.roots = limit.roots.saturating_add(other.free_roots);
            limit.subagents = limit.subagents.saturating_add(other.free_subagents);
        }
        let bounded = |number: u32| number.saturating_add(passed_over).clamp(1, MAX_LISTED);
        Room { roots: bounded(limit.roots), subagents: bounded(limit.subagents) }
    }

    /// Decides when to look at what was left over. A hint does not put that off.
    fn plan(&mut self, wake: Wake, rank: u32) {
        if wake != Wake::Hint {
            self.again_at = None;
        }
        let left_to_others = self.left.total().saturating_sub(self.crowded.total());
        if left_to_others == 0 {
            self.again_at = None;
        } else {
            self.look_again_in(PATIENCE * left_to_others.saturating_add(rank).min(MAX_PATIENCE));
        }
    }

    fn look_again_in(&mut self, pause: Duration) {
        let again_at = Instant::now() + pause;
        self.again_at = Some(self.again_at.map_or(again_at, |planned| planned.min(again_at)));
    }

    /// Takes places for chats: for those that were chosen as far as there is room, for those that were stopped
    /// in any case.
    fn places(&self, chosen: Vec<(ChatId, Pool)>, stopped: &[ChatId]) -> Vec<Place> {
        let slots = &self.worker.slots;
        let mut places: Vec<Place> = chosen.into_iter().filter_map(|(chat, pool)| slots.take(chat, pool)).collect();
        // Those among the chosen are being leased already.
        places.extend(stopped.iter().filter_map(|chat| slots.take_to_end(*chat)));
        places
    }

    /// Leases chats and runs them. That is done by a task of its own, which nobody drops: a lease
    /// that was committed always has someone who runs it or gives it back.
    async fn lease(&self, places: Vec<Place>) -> Batch {
        if places.is_empty() {
            return Batch::default();
        }
        let (worker, give_up_at) = (self.worker.clone(), Instant::now() + STATEMENT_TIMEOUT);
        let (done, ended) = oneshot::channel();
        self.worker.state.tasks.spawn("chat.lease", async move {
            // An error says that nobody waits any more.
            let _ = done.send(worker.lease_all(places, give_up_at).await);
        });
        match tokio::time::timeout_at(give_up_at, ended).await {
            Ok(batch) => batch.unwrap_or_default(),
            Err(_) => {
                warn!("leasing chats takes too long");
                Batch::default()
            }
        }
    }
}

impl Worker {
    async fn lease_all(&self, places: Vec<Place>, give_up_at: Instant) -> Batch {
        let leasing = stream::iter(places).map(|place| async move {
            let chat = place.chat;
            (chat, self.lease(place, give_up_at).await)
        });
        let fold = |mut batch: Batch, (chat, leased)| {
            match leased {
                Ok(true) => batch.leased += 1,
                Ok(false) => {}
                Err(error) => {
                    warn!(%chat, %error, "a chat could not be leased");
                    batch.failed.push(chat);
                }
            }
            std::future::ready(batch)
        };
        leasing.buffer_unordered(LEASES_AT_ONCE).fold(Batch::default(), fold).await
    }

    /// Returns whether the chat was there to be leased.
    async fn lease(&self, place: Place, give_up_at: Instant) -> Result<bool, StoreError> {
        let state = &self.state;
        if Instant::now() >= give_up_at || state.tasks.shutdown().soft().is_cancelled() {
            return Ok(false);
        }
        let lease = Lease { worker_id: state.worker_id, runner_id: place.runner };
        let (sent_at, now) = (Instant::now(), state.clock.now());
        match state.leases.acquire(place.chat, lease, now, state.config.lease_duration).await {
            Ok(acquired) => {
                place.leased(sent_at);
                self.run(acquired, place).await;
                Ok(true)
            }
            // Somebody was faster.
            Err(StoreError::LeaseLost | StoreError::Rejected(_) | StoreError::NotFound) => Ok(false),
            Err(error) => Err(error),
        }
    }
}

async fn within<T>(reading: impl Future<Output = Result<T, StoreError>>) -> Result<T, LookError> {
    Ok(tokio::time::timeout(STATEMENT_TIMEOUT, reading).await??)
}

async fn at(time: Option<Instant>) {
    match time {
        Some(time) => tokio::time::sleep_until(time).await,
        None => std::future::pending().await,
    }
}

/// Waits until there is room for a kind of chats that waits for some.
async fn has_room(free: &mut watch::Receiver<Room>, crowded: Room) {
    let is_wanted = |free: &Room| Pool::ALL.iter().any(|pool| crowded.of(*pool) > 0 && free.of(*pool) > 0);
    if free.wait_for(is_wanted).await.is_err() {
        std::future::pending::<()>().await;
    }
}

fn offer(worker: &LiveWorker, pool: Pool) -> Offer {
    let free = Room { roots: worker.free_roots, subagents: worker.free_subagents };
    Offer { worker: worker.worker_id, free: free.of(pool) }
}

/// A part of a list, as far as there is room for it.
fn cut(list: &[Runnable], part: Range<u32>, free: u32) -> &[Runnable] {
    let end = part.end.min(part.start.saturating_add(free)) as usize;
    let begin = (part.start as usize).min(list.len());
    &list[begin..end.clamp(begin, list.len())]
}
