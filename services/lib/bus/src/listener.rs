//! A subscription that is made again.

use std::time::Duration;

use futures::FutureExt as _;
use tokio::time::Instant;

use crate::{Bus, Filter, Hint, Subscription};

/// How long to wait before a bus that was away is tried again.
const RETRY_PAUSE: Duration = Duration::from_secs(1);

/// Listens for hints as far as there are any. While the bus is away it hears nothing and tries
/// again from time to time: whoever listens also looks by itself, only less often.
#[derive(Debug)]
pub struct Listener {
    bus: Bus,
    filter: Filter,
    subscription: Option<Subscription>,
    retry_at: Instant,
}

impl Listener {
    /// Listens from now on, where the bus is there.
    pub async fn open(bus: &Bus, filter: Filter) -> Self {
        let subscription = bus.subscribe(&filter).await.ok();
        Self { bus: bus.clone(), filter, subscription, retry_at: Instant::now() + RETRY_PAUSE }
    }

    /// Forgets the hints that came until now: whoever is about to look needs none of them.
    pub fn drain(&mut self) {
        while let Some(subscription) = &mut self.subscription {
            match subscription.next().now_or_never() {
                Some(Some(_)) => {}
                Some(None) => self.subscription = None,
                None => return,
            }
        }
    }

    /// Waits for the next hint. Safe to use in `select!`: a hint is never lost by dropping the future.
    pub async fn next(&mut self) -> Hint {
        loop {
            if let Some(subscription) = &mut self.subscription {
                match subscription.next().await {
                    Some(hint) => return hint,
                    None => self.subscription = None,
                }
            }
            tokio::time::sleep_until(self.retry_at).await;
            self.retry_at = Instant::now() + RETRY_PAUSE;
            if let Ok(subscription) = self.bus.subscribe(&self.filter).await {
                self.subscription = Some(subscription);
                // What happened in between was not heard.
                return Hint::Gap;
            }
        }
    }
}
