//! `read_file`: reads lines of a file.

use chatmesh_proto::agent::v1::ReadFileLinesRequest;
use chatmesh_proto::agent::v1::file_service_client::FileServiceClient;
use serde::{Deserialize, Serialize};

use super::{LOOK_TIMEOUT, absolute, is_of_agent, parse};
use crate::agent::{Workspace, explain};
use crate::outcome::Outcome;

#[derive(Debug, Deserialize)]
struct Args {
    path: String,
    offset: Option<u32>,
    limit: Option<u32>,
}

/// What the model is given.
#[derive(Debug, Default, Serialize)]
struct Report {
    success: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    file_size: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    total_lines: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    lines_read: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    content: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

pub(super) async fn run(workspace: &Workspace, args: &str) -> Result<Outcome, String> {
    let args: Args = parse(args)?;
    absolute(&args.path)?;
    let request = ReadFileLinesRequest {
        path: args.path,
        offset: args.offset.unwrap_or_default(),
        limit: args.limit.unwrap_or_default(),
        ..ReadFileLinesRequest::default()
    };
    let read = workspace
        .retry(|agent| {
            let request = request.clone();
            async move {
                let mut files = FileServiceClient::new(agent.transport());
                files.read_file_lines(agent.request_within(LOOK_TIMEOUT, request)).await
            }
        })
        .await;
    match read {
        Ok(lines) => Ok(Outcome::of(&Report {
            success: true,
            file_size: Some(lines.file_bytes),
            total_lines: Some(lines.total_lines),
            lines_read: Some(lines.lines_read),
            content: Some(lines.content),
            error: None,
        })),
        Err(status) if is_of_agent(&status) => {
            Ok(Outcome::of(&Report { error: Some(status.message().to_owned()), ..Report::default() }))
        }
        Err(status) => Err(explain(&status)),
    }
}
