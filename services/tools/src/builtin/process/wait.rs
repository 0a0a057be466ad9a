//! Waits for commands.

use std::time::Duration;

use chatmesh_proto::agent::v1::process_service_client::ProcessServiceClient;
use chatmesh_proto::agent::v1::{Process, ProcessOutput, WaitProcessRequest};
use chatmesh_rpc::Code;
use tokio::time::Instant;
use tonic::Status;

use crate::agent::{Workspace, explain};

/// The longest that one call waits; the agent allows no more.
const MAX_WAIT: Duration = Duration::from_secs(300);
/// How long the last look at a process may take that could not be waited for.
const SNAPSHOT_BUDGET: Duration = Duration::from_secs(30);
/// How long to wait before waiting is tried again after the way to the agent broke.
const WAIT_PAUSE: Duration = Duration::from_millis(200);

/// A process at one moment, and what it wrote until then.
#[derive(Debug)]
pub(in crate::builtin) struct Seen {
    pub(in crate::builtin) process: Process,
    pub(in crate::builtin) output: ProcessOutput,
}

/// Why a process could not be looked at.
#[derive(Debug)]
pub(in crate::builtin) struct Unseen {
    /// Why it could not be waited for, where a look came after that.
    wait: Option<Status>,
    pub(in crate::builtin) look: Status,
}

impl Unseen {
    /// Says to the model what is in the way; of two errors none is left out.
    pub(in crate::builtin) fn explain(&self) -> String {
        let look = explain(&self.look);
        match self.wait.as_ref().map(explain).filter(|wait| *wait != look) {
            Some(wait) => format!("{wait}; and a last look failed: {look}"),
            None => look,
        }
    }
}

/// Waits until a process has ended, `timeout` at most, in as many calls as it takes. Where waiting fails, one last
/// look decides: a process that has ended meanwhile has a real result.
pub(in crate::builtin) async fn wait(workspace: &Workspace, id: &str, timeout: Duration) -> Result<Seen, Unseen> {
    let deadline = Instant::now() + timeout;
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        let pause = left.min(MAX_WAIT);
        let failed = match look(workspace, id, pause).await {
            Ok(seen) if !seen.process.running || left <= pause => return Ok(seen),
            Ok(_) => continue,
            Err(look) if is_certain(&look) => return Err(Unseen { wait: None, look }),
            Err(failed) => failed,
        };
        let seen = match snapshot(workspace, id).await {
            Ok(seen) => seen,
            Err(look) => return Err(Unseen { wait: Some(failed), look }),
        };
        if !seen.process.running || Instant::now() >= deadline {
            return Ok(seen);
        }
        tokio::time::sleep(WAIT_PAUSE).await;
    }
}

/// True where another look would find the same.
fn is_certain(status: &Status) -> bool {
    matches!(status.code(), Code::NotFound | Code::DataLoss | Code::InvalidArgument)
}

async fn snapshot(workspace: &Workspace, id: &str) -> Result<Seen, Status> {
    let snapshot = tokio::time::timeout(SNAPSHOT_BUDGET, look(workspace, id, Duration::ZERO)).await;
    snapshot.unwrap_or_else(|_| Err(Status::deadline_exceeded("the agent did not answer in 30 seconds")))
}

async fn look(workspace: &Workspace, id: &str, pause: Duration) -> Result<Seen, Status> {
    let timeout_ms = u32::try_from(pause.as_millis()).unwrap_or(u32::MAX);
    let request = WaitProcessRequest { process_id: id.to_owned(), timeout_ms };
    let response = workspace
        .retry(|agent| {
            let request = request.clone();
            async move {
                let mut processes = ProcessServiceClient::new(agent.transport());
                processes.wait_process(agent.request_within(pause + SNAPSHOT_BUDGET, request)).await
            }
        })
        .await?;
    let process = response.process.ok_or_else(|| Status::internal("the agent did not say what became of it"))?;
    Ok(Seen { process, output: response.output.unwrap_or_default() })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// G36: what kept the wait from its end is not hidden behind what kept the last look from it.
    #[test]
    fn g36_both_errors_are_told() {
        let unseen = |wait: Option<Status>, look: Status| Unseen { wait, look }.explain();
        let text = unseen(Some(Status::internal("the disk is on fire")), Status::internal("nobody is there"));
        assert!(text.contains("the disk is on fire") && text.contains("nobody is there"), "{text}");
        assert_eq!(unseen(Some(Status::internal("away")), Status::internal("away")), "away");
        assert_eq!(unseen(None, Status::not_found("gone")), "gone");
    }
}
