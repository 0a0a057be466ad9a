//! What a tool tells before its end.

use std::pin::Pin;

use chatmesh_proto::tools::v1::call_tool_response::Event;
use chatmesh_proto::tools::v1::{CallToolResponse, ToolOutcome, WorkspaceBound, WorkspaceSettled};
use futures::Stream;
use futures::stream;
use tokio::sync::mpsc::{self, Receiver, Sender};
use tonic::Status;

use crate::outcome::Outcome;

/// How many notices may wait to be sent. A tool that has more to tell waits, too.
const WAITING: usize = 8;

/// What a call is answered with.
pub(crate) type Events = Pin<Box<dyn Stream<Item = Result<CallToolResponse, Status>> + Send>>;

/// Tells the caller what it has to know before a tool ends.
#[derive(Debug, Clone)]
pub(crate) struct Notices(Sender<Event>);

impl Notices {
    /// Tells nobody.
    pub(crate) fn to_nobody() -> Self {
        Self(mpsc::channel(1).0)
    }

    /// The chat has this workspace from now on.
    pub(crate) async fn bound(&self, workspace_id: &str, build_id: &str) {
        let (workspace_id, build_id) = (workspace_id.to_owned(), build_id.to_owned());
        self.tell(Event::WorkspaceBound(WorkspaceBound { workspace_id, build_id })).await;
    }

    /// What there was to wait for is over.
    pub(crate) async fn settled(&self, workspace_id: &str, build_id: &str) {
        let (workspace_id, build_id) = (workspace_id.to_owned(), build_id.to_owned());
        self.tell(Event::WorkspaceSettled(WorkspaceSettled { workspace_id, build_id })).await;
    }

    async fn tell(&self, event: Event) {
        // Nobody listens where the caller is gone, and with it this call.
        let _ = self.0.send(event).await;
    }
}

/// The answer to a call: what it tells on its way, in order, then what came of it. The work is done where the answer is
/// read, and ends where that is dropped.
pub(crate) fn answer<F>(work: impl FnOnce(Notices) -> F) -> Events
where
    F: Future<Output = Result<Outcome, Status>> + Send + 'static,
{
    let (sender, notices) = mpsc::channel(WAITING);
    let stage = Stage::Working(Box::pin(work(Notices(sender))));
    Box::pin(stream::unfold((notices, stage), |(mut notices, stage)| async move {
        let (event, stage) = next(&mut notices, stage).await?;
        Some((event.map(|event| CallToolResponse { event: Some(event) }), (notices, stage)))
    }))
}

/// How far a call is.
enum Stage {
    Working(Pin<Box<dyn Future<Output = Result<Outcome, Status>> + Send>>),
    Done(Result<Outcome, Status>),
    Told,
}

async fn next(notices: &mut Receiver<Event>, stage: Stage) -> Option<(Result<Event, Status>, Stage)> {
    let done = match stage {
        Stage::Working(mut work) => tokio::select! {
            biased;
            Some(notice) = notices.recv() => return Some((Ok(notice), Stage::Working(work))),
            done = &mut work => done,
        },
        Stage::Done(done) => done,
        Stage::Told => return None,
    };
    // What was told in the last moment comes before the end.
    match notices.try_recv() {
        Ok(notice) => Some((Ok(notice), Stage::Done(done))),
        Err(_) => Some((done.map(|outcome| Event::Outcome(ToolOutcome::from(outcome))), Stage::Told)),
    }
}

#[cfg(test)]
mod tests {
    use futures::StreamExt as _;

    use super::*;

    fn word(event: Result<CallToolResponse, Status>) -> String {
        match event.map(|response| response.event) {
            Ok(Some(Event::WorkspaceBound(bound))) => format!("bound {}", bound.build_id),
            Ok(Some(Event::WorkspaceSettled(settled))) => format!("settled {}", settled.build_id),
            Ok(Some(Event::Outcome(outcome))) => outcome.result,
            Ok(None) => "nothing".to_owned(),
            Err(status) => status.message().to_owned(),
        }
    }

    #[tokio::test]
    async fn notices_come_in_their_order_and_before_the_end() {
        let all = answer(|notices| async move {
            notices.bound("w", "1").await;
            tokio::task::yield_now().await;
            notices.bound("w", "2").await;
            notices.settled("w", "3").await;
            Ok(Outcome::Result("{}".to_owned()))
        });
        assert_eq!(all.map(word).collect::<Vec<_>>().await, ["bound 1", "bound 2", "settled 3", "{}"]);
        let fails = answer(|_| async { Err(Status::internal("it fails")) });
        assert_eq!(fails.map(word).collect::<Vec<_>>().await, ["it fails"]);
    }

    /// Somebody who has much to tell and nobody to tell it to does not fill the memory.
    #[tokio::test]
    async fn more_than_may_wait_is_told_all_the_same() {
        let all = answer(|notices| async move {
            for number in 0..100 {
                notices.bound("w", &number.to_string()).await;
            }
            Ok(Outcome::Result("{}".to_owned()))
        });
        assert_eq!(all.count().await, 101);
    }
}
