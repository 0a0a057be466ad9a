//! The bus of one process.

use bytes::Bytes;
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;

use crate::{Filter, Hint, SUBSCRIPTION_CAPACITY, Subject};

#[derive(Debug, Clone)]
pub(crate) struct MemoryBus {
    sender: broadcast::Sender<(Subject, Bytes)>,
}

impl MemoryBus {
    pub(crate) fn new() -> Self {
        Self { sender: broadcast::Sender::new(SUBSCRIPTION_CAPACITY) }
    }

    pub(crate) fn publish(&self, subject: &Subject, payload: Bytes) {
        // An error only says that nobody listens.
        let _ = self.sender.send((subject.clone(), payload));
    }

    pub(crate) fn subscribe(&self, filter: &Filter) -> MemorySubscription {
        MemorySubscription { receiver: self.sender.subscribe(), filter: filter.clone() }
    }
}

#[derive(Debug)]
pub(crate) struct MemorySubscription {
    receiver: broadcast::Receiver<(Subject, Bytes)>,
    filter: Filter,
}

impl MemorySubscription {
    pub(crate) async fn next(&mut self) -> Option<Hint> {
        loop {
            match self.receiver.recv().await {
                Ok((subject, payload)) if self.filter.matches(&subject) => {
                    return Some(Hint::Message { subject, payload });
                }
                Ok(_) => {}
                Err(RecvError::Lagged(_)) => return Some(Hint::Gap),
                Err(RecvError::Closed) => return None,
            }
        }
    }
}
