//! `attach_file`: gives a file of the workspace to the chat.
//!
//! What the file is, whether the chat takes it and where it is kept is the chat's business. Here it is read whole, and
//! what cannot be an attachment at all is said before anybody is asked for it.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use chatmesh_proto::agent::v1::file_service_client::FileServiceClient;
use chatmesh_proto::agent::v1::read_file_response::Body;
use chatmesh_proto::agent::v1::{ReadFileRequest, ReadFileResponse};
use serde::Deserialize;
use serde_json::json;
use tokio::time::timeout;
use tonic::{Response, Status, Streaming};

use super::{absolute, parse};
use crate::agent::{Agent, Workspace, explain};
use crate::outcome::{Attachment, Outcome};

/// The most bytes of a file: what chats take.
const MAX_FILE_BYTES: u64 = 10 * 1024 * 1024;
/// The longest name in bytes, as file systems have it.
const MAX_NAME_BYTES: usize = 255;
/// How long the agent has for the whole file.
const READ_TIMEOUT: Duration = Duration::from_secs(120);

#[derive(Debug, Deserialize)]
struct Args {
    path: String,
    name: Option<String>,
}

/// What the agent has under a path.
#[derive(Debug)]
enum Found {
    /// The whole of it.
    Whole { media_type: String, data: Bytes },
    /// More than can be attached. How much, where that is known.
    TooLong(Option<u64>),
}

pub(super) async fn run(workspace: &Workspace, args: &str) -> Result<Outcome, String> {
    let Args { path, name } = parse(args)?;
    absolute(&path)?;
    let name = name_of(name.as_deref(), &path)?;
    // Begun anew where the connection breaks: to read changes nothing.
    let found = workspace.retry(|agent| read(agent, path.clone())).await.map_err(|status| explain(&status))?;
    let (media_type, data) = match found {
        Found::Whole { media_type, data } => (media_type, data),
        Found::TooLong(size) => return Err(too_long(&path, size)),
    };
    if data.is_empty() {
        return Err(format!("`{path}` is empty: there is nothing to attach"));
    }
    let attachment = Attachment { name, media_type, data, best_effort: false };
    Ok(Outcome::Attachment(json!({ "ok": true, "path": path }).to_string(), attachment))
}

fn too_long(path: &str, size: Option<u64>) -> String {
    let size = size.map(|size| format!("{size} bytes, ")).unwrap_or_default();
    format!(
        "`{path}` has {size}more than the limit of {MAX_FILE_BYTES} bytes: attach a smaller version or a part of it"
    )
}

/// What the file is called: the last part of its path where the model gives no name, whichever way its system writes
/// paths.
fn name_of(given: Option<&str>, path: &str) -> Result<String, String> {
    let name = given.and_then(last_part).or_else(|| last_part(path));
    let name = name.ok_or_else(|| format!("path `{path}` names no file: give the path of one"))?;
    if name.len() > MAX_NAME_BYTES || name.chars().any(char::is_control) {
        return Err(format!(
            "the file can not be called {name:?}: give a `name` of one line, {MAX_NAME_BYTES} bytes at most"
        ));
    }
    Ok(name.to_owned())
}

fn last_part(path: &str) -> Option<&str> {
    let separators = ['/', '\\'];
    let last = path.trim_end_matches(separators).rsplit(separators).next().unwrap_or_default().trim();
    Some(last).filter(|last| !matches!(*last, "" | "." | ".."))
}

/// Reads a file whole, unless it is too long.
async fn read(agent: Agent, path: String) -> Result<Response<Found>, Status> {
    let request = ReadFileRequest { path, offset: 0, limit: MAX_FILE_BYTES + 1 };
    let whole = async {
        let mut files = FileServiceClient::new(agent.transport());
        let mut pieces = files.read_file(agent.request_within(READ_TIMEOUT, request)).await?.into_inner();
        collect(&mut pieces).await
    };
    match timeout(READ_TIMEOUT, whole).await {
        Ok(found) => found.map(Response::new),
        Err(_) => Err(Status::deadline_exceeded("the file did not come in time")),
    }
}

async fn collect(pieces: &mut Streaming<ReadFileResponse>) -> Result<Found, Status> {
    let (mut media_type, mut data) = (String::new(), BytesMut::new());
    while let Some(piece) = pieces.message().await? {
        match piece.body {
            Some(Body::Header(header)) if header.size_bytes > MAX_FILE_BYTES => {
                return Ok(Found::TooLong(Some(header.size_bytes)));
            }
            Some(Body::Header(header)) => {
                media_type = header.media_type;
                data.reserve(usize::try_from(header.size_bytes).unwrap_or_default());
            }
            Some(Body::Data(more)) => data.extend_from_slice(&more),
            None => {}
        }
        // Files that the system makes up do not say how long they are, and others grow.
        if data.len() as u64 > MAX_FILE_BYTES {
            return Ok(Found::TooLong(None));
        }
    }
    Ok(Found::Whole { media_type, data: data.freeze() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_the_last_part_of_a_path_whatever_its_separators() {
        let long = "x".repeat(MAX_NAME_BYTES);
        for (given, path, expected) in [
            (None, "/w/report.pdf", "report.pdf"),
            (None, "/w/a b/Grüße.md", "Grüße.md"),
            (None, "/w/C:\\out\\plot.png", "plot.png"),
            (None, "/w/dir/", "dir"),
            (Some("Q3.pdf"), "/w/report.pdf", "Q3.pdf"),
            (Some("../../etc/Q3.pdf"), "/w/report.pdf", "Q3.pdf"),
            (Some("out\\Q3.pdf"), "/w/report.pdf", "Q3.pdf"),
            (Some(" "), "/w/report.pdf", "report.pdf"),
            (Some(".."), "/w/report.pdf", "report.pdf"),
            (Some(long.as_str()), "/w/report.pdf", long.as_str()),
        ] {
            assert_eq!(name_of(given, path).as_deref(), Ok(expected), "{given:?} {path}");
        }
    }

    #[test]
    fn a_name_that_nobody_could_show_is_refused() {
        let long = "x".repeat(MAX_NAME_BYTES + 1);
        for (given, path) in [(Some("a\nb"), "/a"), (Some("a\0"), "/a"), (Some(long.as_str()), "/a"), (None, "/w/a\tb")]
        {
            let said = name_of(given, path).expect_err("refused");
            assert!(said.contains("give a `name` of one line, 255 bytes at most"), "{said}");
        }
        for path in ["/", "//", "/w/..", "/w/."] {
            assert_eq!(name_of(None, path), Err(format!("path `{path}` names no file: give the path of one")));
        }
    }
}
