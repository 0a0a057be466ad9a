//! Ends the commands of calls that nobody waits for any more.
//!
//! The agent knows a command by the key of its call, also where its caller went away before it heard which process that
//! is. A call that is given up is given up for good: a command that it had not started is not started any more.

use std::time::Duration;

use chatmesh_proto::agent::v1::CancelProcessRequest;
use chatmesh_proto::agent::v1::process_service_client::ProcessServiceClient;
use chatmesh_rpc::in_call;
use chatmesh_runtime::Tasks;
use tokio::sync::oneshot;
use tonic::Status;
use tracing::{debug, info};

use super::{EFFECT_TIMEOUT, execute};
use crate::agent::{Workspace, within};
use crate::outcome::Outcome;

/// How long it is tried to end a command whose caller went away.
const CANCEL_TIMEOUT: Duration = Duration::from_secs(60);

/// Asks the command in the foreground that was started under a key to end, and keeps one from its start. Returns whether
/// there was one that ran.
///
/// # Errors
/// Nobody could ask the agent, or it is too old to know how.
pub(crate) async fn cancel(workspace: &Workspace, key: &str) -> Result<bool, Status> {
    let canceled = workspace.retry(|agent| async move {
        let mut processes = ProcessServiceClient::new(agent.transport());
        let request = CancelProcessRequest { idempotency_key: key.to_owned() };
        processes.cancel_process(agent.request_within(EFFECT_TIMEOUT, request)).await
    });
    canceled.await.map(|canceled| canceled.signaled)
}

/// Runs a command that outlives neither its time nor its caller: where this future is dropped, it is asked to end.
pub(crate) async fn execute_while_wanted(tasks: &Tasks, workspace: Workspace, args: String, key: String) -> Outcome {
    let (mut told, outcome) = oneshot::channel();
    // The work keeps the span and the deadline of the call; its end has neither.
    let work = in_call({
        let (workspace, args, key) = (workspace.clone(), args, key.clone());
        async move { execute::run(&workspace, &args, &key, execute::Late::Ends).await }
    });
    tasks.spawn("tools.command", async move {
        let done = tokio::select! {
            biased;
            done = work => done,
            () = told.closed() => return end(&workspace, &key).await,
        };
        // A caller that goes away now misses the end of a command that has one.
        drop(told.send(done));
    });
    match outcome.await {
        Ok(Ok(done)) => done.unwrap_or_else(Outcome::Failure),
        Ok(Err(status)) => Outcome::Failure(status.message().to_owned()),
        Err(_) => Outcome::Failure(
            "the service of the tools ended before the command did: it may still run, so look at its effects before \
             you run it again"
                .to_owned(),
        ),
    }
}

async fn end(workspace: &Workspace, key: &str) {
    match within(CANCEL_TIMEOUT, cancel(workspace, key)).await {
        Ok(was_running) => info!(was_running, "the caller of a command went away, so it is ended"),
        Err(status) => debug!(%status, "the caller of a command went away, and it could not be ended"),
    }
}
