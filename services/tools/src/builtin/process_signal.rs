//! `process_signal`: ends a command that was left running.

use chatmesh_proto::agent::v1::process_service_client::ProcessServiceClient;
use chatmesh_proto::agent::v1::{Signal, SignalProcessRequest};
use serde::Deserialize;
use serde_json::json;
use tonic::Status;

use super::process::report::Report;
use super::{LOOK_TIMEOUT, is_of_agent, parse, process};
use crate::agent::{Workspace, explain};
use crate::outcome::Outcome;

#[derive(Debug, Deserialize)]
struct Args {
    process_id: String,
    signal: String,
}

pub(super) async fn run(workspace: &Workspace, args: &str) -> Result<Outcome, String> {
    let args: Args = parse(args)?;
    let id = process::id(&args.process_id)?;
    let (signal, name) = signal(&args.signal)?;
    match send(workspace, &id, signal).await {
        Ok(()) => {
            let message = format!(
                "{name} was sent to the command and to all that it started; `process_output` says when it has ended"
            );
            Ok(Outcome::of(&json!({ "success": true, "message": message })))
        }
        Err(status) if is_of_agent(&status) => {
            Ok(Outcome::of(&Report::failed(format!("{}{}", status.message(), process::advice(&status)))))
        }
        Err(status) => Err(explain(&status)),
    }
}

/// Sends a signal to a command and to all that it started. It is sent again where its answer was lost: whoever asks for
/// it wants the command to end.
pub(super) async fn send(workspace: &Workspace, id: &str, signal: Signal) -> Result<(), Status> {
    let request = SignalProcessRequest { process_id: id.to_owned(), signal: signal.into() };
    let sent = workspace.retry(|agent| {
        let request = request.clone();
        async move {
            let mut processes = ProcessServiceClient::new(agent.transport());
            processes.signal_process(agent.request_within(LOOK_TIMEOUT, request)).await
        }
    });
    sent.await.map(drop)
}

fn signal(text: &str) -> Result<(Signal, &'static str), String> {
    match text {
        "terminate" => Ok((Signal::Terminate, "SIGTERM")),
        "kill" => Ok((Signal::Kill, "SIGKILL")),
        other => Err(format!("`signal` `{other}` is not known: use `terminate`, or `kill` where that does not help")),
    }
}
