//! Load: so many callers, each of whom calls again as soon as the answer is there.

use std::time::{Duration, Instant};

use anyhow::ensure;
use tokio::task::JoinSet;

use super::client::{Address, Client, Times};
use super::stamp::Clock;

/// What to do.
#[derive(Debug, Clone, Copy)]
pub(super) struct Load {
    /// How many call at once.
    pub(super) callers: usize,
    /// How many pieces a streamed answer has; `None` for whole answers.
    pub(super) stream: Option<usize>,
    /// How long.
    pub(super) duration: Duration,
}

/// What came of it.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    pub(super) elapsed: Duration,
    pub(super) first: Vec<Duration>,
    pub(super) whole: Vec<Duration>,
    pub(super) pieces: Vec<Duration>,
}

impl Load {
    /// Calls until the time is over.
    ///
    /// # Errors
    /// A call failed: nothing is measured where answers are wrong.
    pub(super) async fn run(self, address: &Address, clock: Clock) -> anyhow::Result<Outcome> {
        let began = Instant::now();
        let mut callers = JoinSet::new();
        for _ in 0..self.callers {
            let mut client = Client::new(address, clock, self.stream);
            callers.spawn(async move {
                let mut calls: Vec<Times> = Vec::new();
                while began.elapsed() < self.duration {
                    calls.push(client.call().await?);
                }
                anyhow::Ok(calls)
            });
        }
        let mut outcome = Outcome::default();
        while let Some(calls) = callers.join_next().await {
            for times in calls?? {
                outcome.first.push(times.first);
                outcome.whole.push(times.whole);
                if self.stream.is_some() {
                    outcome.pieces.extend(times.pieces);
                }
            }
        }
        outcome.elapsed = began.elapsed();
        ensure!(!outcome.whole.is_empty(), "nothing was answered");
        Ok(outcome)
    }
}
