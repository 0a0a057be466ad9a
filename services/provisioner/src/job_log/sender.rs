//! Sends the lines of a log.

use std::convert::Infallible;
use std::time::Duration;

use chatmesh_core::Backoff;
use chatmesh_proto::provisioner::v1 as pb;
use tokio::time::{sleep, timeout};
use tonic::{Code, Status};
use tracing::warn;

use super::JobLog;

/// How long lines gather before they are sent: somebody watches, and a call for each line would cost more than it.
const GATHER: Duration = Duration::from_millis(200);

/// Takes the lines of one call.
pub(crate) trait Sent: Send + Sync {
    /// Sends these lines; a call whose answer was lost is made again.
    fn send(&self, lines: Vec<pb::JobLogLine>) -> impl Future<Output = Result<(), Status>> + Send;
}

/// Brings the lines of one build to where they are kept. Dropping a call half-way loses nothing.
#[derive(Debug)]
pub(crate) struct LogSender<S> {
    log: JobLog,
    to: S,
    /// The number of the next line.
    next: u64,
    /// What was taken from the log and may not have arrived.
    pending: Vec<pb::JobLogLine>,
}

impl<S: Sent> LogSender<S> {
    pub(crate) fn new(log: JobLog, to: S) -> Self {
        Self { log, to, next: 1, pending: Vec::new() }
    }

    /// Sends whatever comes until it is dropped.
    pub(crate) async fn run(&mut self) -> Infallible {
        loop {
            self.send_all().await;
            self.log.came().await;
            sleep(GATHER).await;
        }
    }

    /// Sends what is left, for at most `limit`.
    pub(crate) async fn flush(&mut self, limit: Duration) {
        if timeout(limit, self.send_all()).await.is_err() {
            warn!("the end of the build's log was not sent in time and is lost");
        }
    }

    async fn send_all(&mut self) {
        let mut backoff = Backoff::new(Duration::from_millis(200), Duration::from_secs(5));
        loop {
            if self.pending.is_empty() {
                self.pending = self.log.take(self.next);
                self.next += u64::try_from(self.pending.len()).unwrap_or(u64::MAX);
            }
            if self.pending.is_empty() {
                return;
            }
            match self.to.send(self.pending.clone()).await {
                Ok(()) => {
                    self.pending.clear();
                    backoff.reset();
                }
                Err(status) if is_final(&status) => {
                    warn!(%status, "the build's log is not taken, leaving it out");
                    self.pending.clear();
                    self.log.close();
                    return;
                }
                Err(_) => sleep(backoff.next_pause()).await,
            }
        }
    }
}

/// True where trying again can not help: the lease is lost, or the service keeps no logs.
fn is_final(status: &Status) -> bool {
    let refused = [Code::Aborted, Code::NotFound, Code::InvalidArgument, Code::PermissionDenied, Code::Unimplemented];
    refused.contains(&status.code())
}
