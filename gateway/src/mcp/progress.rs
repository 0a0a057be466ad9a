//! Tells clients that want to know that a call is still at work.

use std::pin::pin;
use std::time::Duration;

use rmcp::model::{ProgressNotificationParam, ProgressToken};
use rmcp::service::{Peer, RoleServer};
use tokio::time::{Instant, MissedTickBehavior, interval_at};

/// How often it is told.
const INTERVAL: Duration = Duration::from_secs(5);

/// Whom to tell; nobody where the client did not ask.
#[derive(Debug, Clone)]
pub(super) struct Progress {
    to: Option<(Peer<RoleServer>, ProgressToken)>,
    began: Instant,
}

impl Progress {
    /// Tells the client, where it gave a token.
    pub(super) fn new(peer: &Peer<RoleServer>, token: Option<ProgressToken>) -> Self {
        Self { to: token.map(|token| (peer.clone(), token)), began: Instant::now() }
    }

    /// Tells nobody.
    #[cfg(test)]
    pub(super) fn to_nobody() -> Self {
        Self { to: None, began: Instant::now() }
    }

    /// How long the call has been at work.
    pub(super) fn elapsed(&self) -> Duration {
        self.began.elapsed()
    }

    /// Waits for `work`, and says from time to time what is waited for.
    pub(super) async fn during<T>(&self, what: &str, work: impl Future<Output = T>) -> T {
        let mut work = pin!(work);
        let mut ticks = interval_at(Instant::now() + INTERVAL, INTERVAL);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                biased;
                done = &mut work => return done,
                _ = ticks.tick(), if self.to.is_some() => self.tell(what).await,
            }
        }
    }

    /// A client that went away is noticed elsewhere.
    async fn tell(&self, what: &str) {
        let Some((peer, token)) = &self.to else { return };
        let seconds = self.elapsed().as_secs();
        let told = ProgressNotificationParam::new(token.clone(), seconds as f64)
            .with_message(format!("{what}, {seconds} seconds until now"));
        // Somebody who does not read must not hold up the work.
        let _ = tokio::time::timeout(INTERVAL, peer.notify_progress(told)).await;
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use parking_lot::Mutex;
    use rmcp::ServerHandler;
    use rmcp::handler::client::ClientHandler;
    use rmcp::model::{CallToolRequestParams, CallToolResponse, CallToolResult, ErrorData};
    use rmcp::service::{NotificationContext, RequestContext, RoleClient, ServiceExt as _};
    use tokio::time::sleep;
    use tokio_util::task::TaskTracker;

    use super::*;

    /// Works for twelve seconds.
    #[derive(Debug, Clone)]
    struct Slow;

    impl ServerHandler for Slow {
        async fn call_tool(
            &self,
            _: CallToolRequestParams,
            context: RequestContext<RoleServer>,
        ) -> Result<CallToolResponse, ErrorData> {
            let progress = Progress::new(&context.peer, context.meta.get_progress_token());
            progress.during("it is at work", sleep(Duration::from_secs(12))).await;
            Ok(CallToolResult::success(Vec::new()).into())
        }
    }

    #[derive(Debug, Clone, Default)]
    struct Listener(Arc<Mutex<Vec<String>>>);

    impl ClientHandler for Listener {
        async fn on_progress(&self, told: ProgressNotificationParam, _: NotificationContext<RoleClient>) {
            self.0.lock().push(told.message.unwrap_or_default());
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_waits_is_told_every_few_seconds() {
        let (ours, theirs) = tokio::io::duplex(64 * 1024);
        TaskTracker::new().spawn(async move {
            let serving = Slow.serve(theirs).await.expect("a client");
            serving.waiting().await
        });
        let listener = Listener::default();
        let client = listener.clone().serve(ours).await.expect("a server");
        client.peer().call_tool_once(CallToolRequestParams::new("slow")).await.expect("done");
        let told = listener.0.lock().clone();
        assert_eq!(told, ["it is at work, 5 seconds until now", "it is at work, 10 seconds until now"]);
    }
}
