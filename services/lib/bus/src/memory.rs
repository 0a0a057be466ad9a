//! The bus of one process.

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use parking_lot::Mutex;
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;

use crate::{Filter, Hint, SUBSCRIPTION_CAPACITY, Subject};

type Sender = broadcast::Sender<(Subject, Bytes)>;

/// A channel per filter: a hint wakes only those who asked for it.
#[derive(Debug, Clone, Default)]
pub(crate) struct MemoryBus {
    channels: Arc<Mutex<HashMap<String, Sender>>>,
}

impl MemoryBus {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    pub(crate) fn publish(&self, subject: &Subject, payload: &Bytes) {
        let mut channels = self.channels.lock();
        for filter in Filter::all_matching(subject) {
            let Some(channel) = channels.get(filter.as_str()) else { continue };
            // An error says that nobody listens any more.
            if channel.send((subject.clone(), payload.clone())).is_err() {
                channels.remove(filter.as_str());
            }
        }
    }

    pub(crate) fn subscribe(&self, filter: &Filter) -> MemorySubscription {
        let mut channels = self.channels.lock();
        let channel = channels.entry(filter.as_str().to_owned()).or_insert_with(|| Sender::new(SUBSCRIPTION_CAPACITY));
        MemorySubscription { receiver: channel.subscribe(), filter: filter.clone(), bus: self.clone() }
    }

    /// Forgets the channel of a filter that nobody listens to any more.
    fn forget(&self, filter: &Filter) {
        let mut channels = self.channels.lock();
        // The subscription that is being dropped still counts.
        if channels.get(filter.as_str()).is_some_and(|channel| channel.receiver_count() <= 1) {
            channels.remove(filter.as_str());
        }
    }
}

#[derive(Debug)]
pub(crate) struct MemorySubscription {
    receiver: broadcast::Receiver<(Subject, Bytes)>,
    filter: Filter,
    bus: MemoryBus,
}

impl MemorySubscription {
    pub(crate) async fn next(&mut self) -> Option<Hint> {
        match self.receiver.recv().await {
            Ok((subject, payload)) => Some(Hint::Message { subject, payload }),
            Err(RecvError::Lagged(_)) => Some(Hint::Gap),
            Err(RecvError::Closed) => None,
        }
    }
}

impl Drop for MemorySubscription {
    fn drop(&mut self) {
        self.bus.forget(&self.filter);
    }
}
