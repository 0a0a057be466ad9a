//! `edit_files`: replaces texts in files, in all of them or in none.

mod input;
mod report;

use chatmesh_proto::agent::v1::file_service_client::FileServiceClient;
use chatmesh_proto::agent::v1::{EditFilesRequest, EditFilesResponse, FileEdits};
use tonic::Status;

use super::{EFFECT_TIMEOUT, Writes};
use crate::agent::{Workspace, explain};
use crate::outcome::Outcome;

/// The most bytes of edits in one call: what the agent takes in one message, with room for what is around them.
const MAX_BYTES: usize = 3 * 1024 * 1024;

pub(super) async fn run(workspace: &Workspace, writes: Writes<'_>, args: &str, key: &str) -> Result<Outcome, String> {
    let files = input::read(args)?;
    let size: usize =
        files.iter().flat_map(|file| &file.edits).map(|edit| edit.search.len() + edit.replace.len()).sum();
    if size > MAX_BYTES {
        return Err(format!("the edits have {size} bytes, more than the limit of {MAX_BYTES}: make fewer in one call"));
    }
    writes.check(workspace, files.iter().map(|file| file.path.as_str())).await?;
    let edited = edit(workspace, files, key).await.map_err(|status| explain(&status))?;
    Ok(Outcome::of(&report::of(edited)))
}

async fn edit(workspace: &Workspace, files: Vec<FileEdits>, key: &str) -> Result<EditFilesResponse, Status> {
    let request = EditFilesRequest { files, include_diff: true, idempotency_key: key.to_owned() };
    workspace
        .effect(|agent| {
            let request = request.clone();
            async move {
                let mut files = FileServiceClient::new(agent.transport());
                files.edit_files(agent.request_within(EFFECT_TIMEOUT, request)).await
            }
        })
        .await
}
