//! Waits until the tools of a workspace are known. An agent that has just started answers before its servers do, and
//! a file that names servers may yet have to be cloned: an empty list says nothing about the next one. Most workspaces
//! have no servers, though: an agent that has been there for long and has none is not asked again and again.

use std::time::Duration;

use chatmesh_proto::tools::v1::{DiscoverToolsResponse, WorkspaceToolsState};
use chatmesh_rpc::Code;
use tokio::time::{Instant, sleep, timeout};
use tonic::Status;
use tracing::debug;

use super::Source;

/// How long it is tried.
const LIMIT: Duration = Duration::from_secs(30);
/// The pause after an empty list, or after no answer.
const PAUSE: Duration = Duration::from_secs(2);
/// How long the agent may wait by itself until its servers are connected.
const WAIT: Duration = Duration::from_secs(10);

/// Asks again and again until there are tools; with `until_reachable` until there is an answer. To drop the
/// future ends it, and nothing is left of it.
pub(crate) async fn until_found(source: &impl Source, until_reachable: bool) -> DiscoverToolsResponse {
    let deadline = Instant::now() + LIMIT;
    let mut outcome = response(WorkspaceToolsState::Unknown, false);
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        // Whoever waits for any answer does not wait for a whole one.
        let wait = if until_reachable { Duration::ZERO } else { WAIT.min(left) };
        match timeout(left, source.list(wait)).await {
            Ok(Ok(found)) if !found.tools.is_empty() => return response(WorkspaceToolsState::Found, true),
            Ok(Ok(found)) => {
                outcome = response(found.state(), true);
                if until_reachable || (found.is_settled && found.state() == WorkspaceToolsState::Empty) {
                    return outcome;
                }
            }
            Ok(Err(status)) => {
                debug!(code = ?status.code(), reason = status.message(), "the tools of a workspace cannot be listed");
                if is_final(&status) {
                    return outcome;
                }
            }
            Err(_) => return outcome,
        }
        if deadline.saturating_duration_since(Instant::now()) <= PAUSE {
            return outcome;
        }
        sleep(PAUSE).await;
    }
}

fn response(state: WorkspaceToolsState, reachable: bool) -> DiscoverToolsResponse {
    DiscoverToolsResponse { workspace_tools_state: state.into(), reachable }
}

/// True where no answer will ever be another: the workspace is gone or none of the caller's, or its agent knows no
/// servers. A workspace that does not run may run in a moment.
fn is_final(status: &Status) -> bool {
    matches!(
        status.code(),
        Code::NotFound | Code::PermissionDenied | Code::Unauthenticated | Code::Unimplemented | Code::InvalidArgument
    )
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use chatmesh_proto::common::v1::ToolDefinition;
    use parking_lot::Mutex;

    use super::super::Found;
    use super::*;

    /// What comes of a question.
    #[derive(Debug, Clone)]
    enum Says {
        Tools,
        Empty,
        /// There are none, and none are to come.
        None,
        Settling,
        Away(Code),
        Never,
    }

    /// An agent that says one thing after the other, the last one for ever.
    #[derive(Debug)]
    struct Scripted {
        says: Mutex<VecDeque<Says>>,
        waits: Mutex<Vec<Duration>>,
    }

    impl Scripted {
        fn new(says: &[Says]) -> Self {
            Self { says: Mutex::new(says.iter().cloned().collect()), waits: Mutex::default() }
        }

        /// What comes of it, how long it takes, and how often somebody asked.
        async fn found(&self, until_reachable: bool) -> (WorkspaceToolsState, bool, u64, usize) {
            let began = Instant::now();
            let outcome = until_found(self, until_reachable).await;
            let asked = self.waits.lock().len();
            (outcome.workspace_tools_state(), outcome.reachable, began.elapsed().as_secs(), asked)
        }
    }

    impl Source for Scripted {
        async fn list(&self, wait: Duration) -> Result<Found, Status> {
            self.waits.lock().push(wait);
            let says = {
                let mut says = self.says.lock();
                if says.len() > 1 { says.pop_front() } else { says.front().cloned() }
            };
            let tool = ToolDefinition { name: "s__t".to_owned(), ..ToolDefinition::default() };
            match says.expect("something to say") {
                Says::Tools => Ok(Found { tools: vec![tool], is_complete: true, ..Found::default() }),
                Says::Empty => Ok(Found { is_complete: true, ..Found::default() }),
                Says::None => Ok(Found { is_complete: true, is_settled: true, ..Found::default() }),
                Says::Settling => {
                    sleep(wait).await;
                    Ok(Found::default())
                }
                Says::Away(code) => Err(Status::new(code, "away")),
                Says::Never => std::future::pending().await,
            }
        }
    }

    use Says::{Away, Empty, Never, Settling, Tools};
    use WorkspaceToolsState as State;

    /// C13, first success.
    #[tokio::test(start_paused = true)]
    async fn c13_tools_that_are_there_are_found_at_once() {
        assert_eq!(Scripted::new(&[Tools]).found(false).await, (State::Found, true, 0, 1));
    }

    /// C13, empty then tools; G15, G16: an empty list, and one that says nothing yet, end nothing.
    #[tokio::test(start_paused = true)]
    async fn c13_an_empty_list_is_followed_by_another_question() {
        let late = Scripted::new(&[Empty, Empty, Empty, Tools]);
        assert_eq!(late.found(false).await, (State::Found, true, 6, 4), "every two seconds");
        let settling = Scripted::new(&[Settling, Tools]);
        assert_eq!(settling.found(false).await, (State::Found, true, 12, 2), "the agent waits itself");
        let coming = Scripted::new(&[
            Away(Code::FailedPrecondition),
            Away(Code::Unavailable),
            Away(Code::DeadlineExceeded),
            Empty,
            Tools,
        ]);
        assert_eq!(coming.found(false).await, (State::Found, true, 8, 5), "it is being started");
    }

    /// Most workspaces have no servers: to look for them for half a minute in every turn helps nobody.
    #[tokio::test(start_paused = true)]
    async fn a_workspace_that_has_long_had_no_servers_is_asked_once() {
        assert_eq!(Scripted::new(&[Says::None]).found(false).await, (State::Empty, true, 0, 1));
        let late = Scripted::new(&[Empty, Settling, Says::None]);
        assert_eq!(late.found(false).await, (State::Empty, true, 14, 3), "what is not known is waited for");
    }

    /// C13, deadline: half a minute and not longer, whatever is in the way.
    #[tokio::test(start_paused = true)]
    async fn c13_the_wait_has_an_end() {
        assert_eq!(Scripted::new(&[Empty]).found(false).await, (State::Empty, true, 28, 15));
        assert_eq!(Scripted::new(&[Settling]).found(false).await, (State::Unknown, true, 30, 3));
        assert_eq!(Scripted::new(&[Never]).found(false).await, (State::Unknown, false, 30, 1));
        assert_eq!(Scripted::new(&[Away(Code::Unavailable)]).found(false).await, (State::Unknown, false, 28, 15));
        assert_eq!(Scripted::new(&[Empty, Never]).found(false).await, (State::Empty, true, 30, 2));
        for code in [Code::NotFound, Code::PermissionDenied, Code::Unimplemented] {
            assert_eq!(Scripted::new(&[Away(code)]).found(false).await, (State::Unknown, false, 0, 1), "{code:?}");
        }
    }

    /// G13: a chat that lacks its context hears of the first answer, and nobody makes the agent wait for that.
    #[tokio::test(start_paused = true)]
    async fn g13_whoever_lacks_the_context_hears_of_the_first_answer() {
        let coming = Scripted::new(&[Away(Code::FailedPrecondition), Away(Code::Unavailable), Settling]);
        assert_eq!(coming.found(true).await, (State::Unknown, true, 4, 3));
        assert!(coming.waits.lock().iter().all(Duration::is_zero));
        assert_eq!(Scripted::new(&[Tools]).found(true).await, (State::Found, true, 0, 1));
    }

    /// G17, C13, cancelled: whoever no longer waits leaves nothing behind.
    #[tokio::test(start_paused = true)]
    async fn g17_a_wait_that_is_dropped_asks_nobody_any_more() {
        let empty = Scripted::new(&[Empty]);
        assert!(timeout(Duration::from_secs(5), until_found(&empty, false)).await.is_err());
        let asked = empty.waits.lock().len();
        sleep(LIMIT).await;
        assert_eq!((asked, empty.waits.lock().len()), (3, 3));
    }
}
