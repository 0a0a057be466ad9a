//! Keeps the agent connected. Where a relay says that it ends soon, another connection is made
//! beside the one that still carries calls.

use std::future::Future;
use std::pin::{Pin, pin};
use std::time::Duration;

use chatmesh_core::Backoff;
use futures::StreamExt as _;
use futures::stream::FuturesUnordered;
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

use super::Connection;
use super::error::{AttemptError, ConnectionError};
use super::session::Session;

/// Pauses between attempts.
const MIN_PAUSE: Duration = Duration::from_millis(100);
const MAX_PAUSE: Duration = Duration::from_secs(10);
/// The longest pause while the connection to a relay that ends soon is there: it is cut before long.
const MAX_PAUSE_BESIDE: Duration = Duration::from_secs(2);
/// A connection that held this long was a good one: the next attempt is made soon.
const STABLE: Duration = Duration::from_secs(30);
/// How many connections to relays that end soon there are at most, beside the one that is kept.
const MAX_LEAVING: usize = 2;

/// A connection that is served.
type Serving<'a> = Pin<Box<dyn Future<Output = Result<(), AttemptError>> + Send + 'a>>;

/// Connects again and again.
pub(super) struct Keeper<'a> {
    connection: &'a Connection,
    shutdown: &'a CancellationToken,
    drains: watch::Receiver<u64>,
    /// The connections to relays that end soon: calls end on them.
    leaving: FuturesUnordered<Serving<'a>>,
    backoff: Backoff,
}

impl<'a> Keeper<'a> {
    pub(super) fn new(connection: &'a Connection, shutdown: &'a CancellationToken) -> Self {
        Self {
            connection,
            shutdown,
            drains: connection.drains.clone(),
            leaving: FuturesUnordered::new(),
            backoff: Backoff::new(MIN_PAUSE, MAX_PAUSE),
        }
    }

    /// Keeps connected until the shutdown, and then until calls on all connections have had their time.
    ///
    /// # Errors
    /// The relay refused the agent for good.
    pub(super) async fn run(mut self) -> Result<(), ConnectionError> {
        let shutdown = self.shutdown;
        while !shutdown.is_cancelled() {
            let began = Instant::now();
            let beginning = Box::pin(shutdown.run_until_cancelled(Session::begin(self.connection)));
            match alongside(&mut self.leaving, beginning).await {
                None => break,
                Some(Ok(session)) => self.serve(session).await,
                Some(Err(AttemptError::Final(error))) => return Err(error),
                Some(Err(error)) => warn!(error = error.chain(), "not connected to the relay"),
            }
            let pause = self.pause_after(began.elapsed());
            debug!(?pause, "connecting again");
            let pausing = shutdown.run_until_cancelled(tokio::time::sleep(pause));
            alongside(&mut self.leaving, pausing).await;
        }
        while let Some(ended) = self.leaving.next().await {
            tell(ended);
        }
        Ok(())
    }

    /// Serves a connection until it ends, or leaves it to its end where its relay ends soon.
    async fn serve(&mut self, session: Session) {
        // What was said before was said by another relay.
        self.drains.mark_unchanged();
        let mut serving: Serving<'a> = Box::pin(session.serve(self.connection.routes.clone(), self.shutdown));
        loop {
            // One that finds no room waits for it: the relay says so once.
            let has_room = self.leaving.len() < MAX_LEAVING;
            tokio::select! {
                ended = &mut serving => return tell(ended),
                Ok(()) = self.drains.changed(), if has_room => {
                    info!("looking for another relay");
                    return self.leaving.push(serving);
                }
                Some(ended) = self.leaving.next() => tell(ended),
            }
        }
    }

    fn pause_after(&mut self, held: Duration) -> Duration {
        if held >= STABLE {
            self.backoff.reset();
        }
        let pause = self.backoff.next_pause();
        if self.leaving.is_empty() { pause } else { pause.min(MAX_PAUSE_BESIDE) }
    }
}

/// Does something while calls end on other connections.
async fn alongside<T>(leaving: &mut FuturesUnordered<Serving<'_>>, work: impl Future<Output = T>) -> T {
    let mut work = pin!(work);
    loop {
        tokio::select! {
            done = &mut work => return done,
            Some(ended) = leaving.next() => tell(ended),
        }
    }
}

fn tell(ended: Result<(), AttemptError>) {
    match ended {
        Ok(()) => info!("a connection to a relay is closed"),
        Err(error) => info!(error = error.chain(), "the relay is gone"),
    }
}
