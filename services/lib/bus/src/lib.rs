//! Hints between services: "this changed, have a look". A message on the bus may be lost,
//! doubled or reordered and nothing breaks, because receivers compare versions and read the
//! database. Within one process the bus is memory, in a cluster it is NATS.

mod listener;
mod memory;
mod nats;
mod subject;
#[cfg(feature = "unreliable")]
mod unreliable;

use bytes::Bytes;
pub use listener::Listener;
pub use subject::{Filter, Subject};

use memory::MemoryBus;
use nats::NatsBus;

/// How many hints may wait for a subscriber before it is told that it missed some.
const SUBSCRIPTION_CAPACITY: usize = 1024;

/// A bus could not be used.
#[derive(Debug, thiserror::Error)]
pub enum BusError {
    /// The address is not one.
    #[error("bus url `{0}` is not valid: use `memory:` or `nats://host:port`")]
    InvalidUrl(String),
    /// The server cannot be reached.
    #[error("the bus is not available: {0}")]
    Unavailable(String),
}

/// What a subscription yields.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Hint {
    /// Something happened.
    Message {
        /// Where it was published.
        subject: Subject,
        /// What was published.
        payload: Bytes,
    },
    /// Hints were lost: the subscriber was slow or the connection broke. Read the database.
    Gap,
}

/// A handle to a bus; clones share its connection.
#[derive(Debug, Clone)]
pub struct Bus(Kind);

#[derive(Debug, Clone)]
enum Kind {
    Memory(MemoryBus),
    Nats(NatsBus),
    #[cfg(feature = "unreliable")]
    Unreliable(unreliable::UnreliableBus),
}

impl Bus {
    /// A bus within this process.
    #[must_use]
    pub fn memory() -> Self {
        Self(Kind::Memory(MemoryBus::new()))
    }

    /// A bus on top of `inner` that loses, doubles and reorders hints, each subscription in a way of its own
    /// that follows from `seed` and the order in which they are made.
    #[cfg(feature = "unreliable")]
    #[must_use]
    pub fn unreliable(inner: Self, seed: u64) -> Self {
        Self(Kind::Unreliable(unreliable::UnreliableBus::new(inner, seed)))
    }

    /// Connects to the bus that `url` names: `memory:` or `nats://host:port`. A NATS server that is
    /// away, now or later, is waited for: until it is back nothing is published and no subscription
    /// is made; those that stood yield [`Hint::Gap`] then. Returns after at most two seconds.
    ///
    /// # Errors
    /// The url is not valid, or the server refuses us.
    pub async fn connect(url: &str) -> Result<Self, BusError> {
        if url == "memory:" {
            Ok(Self::memory())
        } else if url.strip_prefix("nats://").is_some_and(|server| !server.is_empty()) {
            Ok(Self(Kind::Nats(NatsBus::connect(url).await?)))
        } else {
            Err(BusError::InvalidUrl(url.to_owned()))
        }
    }

    /// Offers a hint to whoever is subscribed now. Never fails: what must not be lost is in the database.
    pub async fn publish(&self, subject: &Subject, payload: Bytes) {
        match &self.0 {
            Kind::Memory(bus) => bus.publish(subject, &payload),
            Kind::Nats(bus) => bus.publish(subject, payload).await,
            #[cfg(feature = "unreliable")]
            Kind::Unreliable(bus) => bus.publish(subject, payload).await,
        }
    }

    /// Subscribes. Hints that are published after this returns arrive, as far as any do.
    ///
    /// # Errors
    /// The server cannot be reached; while it is known to be away that is said at once.
    pub async fn subscribe(&self, filter: &Filter) -> Result<Subscription, BusError> {
        match &self.0 {
            Kind::Memory(bus) => Ok(Subscription(Source::Memory(bus.subscribe(filter)))),
            Kind::Nats(bus) => Ok(Subscription(Source::Nats(Box::new(bus.subscribe(filter).await?)))),
            #[cfg(feature = "unreliable")]
            Kind::Unreliable(bus) => Ok(Subscription(Source::Unreliable(Box::new(bus.subscribe(filter).await?)))),
        }
    }
}

/// A subscription; dropping it ends it.
#[derive(Debug)]
pub struct Subscription(Source);

#[derive(Debug)]
enum Source {
    Memory(memory::MemorySubscription),
    Nats(Box<nats::NatsSubscription>),
    #[cfg(feature = "unreliable")]
    Unreliable(Box<unreliable::UnreliableSubscription>),
}

impl Subscription {
    /// Waits for the next hint. `None` only after the bus itself is gone.
    ///
    /// Safe to use in `select!`: a hint is never lost by dropping the future.
    pub async fn next(&mut self) -> Option<Hint> {
        match &mut self.0 {
            Source::Memory(subscription) => subscription.next().await,
            Source::Nats(subscription) => subscription.next().await,
            #[cfg(feature = "unreliable")]
            Source::Unreliable(subscription) => subscription.next().await,
        }
    }
}
