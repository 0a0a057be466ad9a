//! Files that tools give to the chat.
//!
//! A file is kept as soon as it is there, under an identifier that is made of the call's key: a call that is made again
//! because its worker ended keeps nothing new, and its result tells of the first file. The chat has it with the message
//! that holds the result, in the transaction of the step. Until then it counts nowhere; where that never comes, it is
//! deleted like any other file to which no message refers.

use chatmesh_core::{Uuid, Violations};
use chatmesh_proto::common::v1::part::Body;
use chatmesh_proto::common::v1::{File, Part};
use chatmesh_proto::tools::v1::{ToolAttachment, ToolOutcome};
use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};
use tracing::error;

use super::outcome::failure;
use crate::domain::Chat;
use crate::files::{FileId, MAX_FILE_BYTES, NewFile, StoredFile, media_type_of, name_of};
use crate::state::State;
use crate::turn::persist;

/// How many files of a step are fetched at once: each is in memory as a whole.
pub(super) const AT_ONCE: usize = 2;

/// True for a tool that is there to give files to the chat.
pub(super) fn attaches(name: &str) -> bool {
    name == "attach_file"
}

/// Keeps the file of an outcome, completes the result by what it became, and returns the part that shows it. An outcome
/// without a file stays as it is; one whose file is not taken is a failure, unless it counts without the file, too. `key`
/// names the call.
pub(super) async fn keep(
    state: &State,
    chat: &Chat,
    key: &str,
    mut outcome: ToolOutcome,
) -> (ToolOutcome, Option<Part>) {
    let attachment = outcome.attachment.take().filter(|_| !outcome.is_error);
    let Some(attachment) = attachment else { return (outcome, None) };
    let (best_effort, size) = (attachment.best_effort, attachment.data.len());
    match store(state, chat, key, attachment).await {
        Ok(stored) if best_effort => {
            (completed(&outcome, [("attachment", Value::Object(about(&stored)))]), Some(part(stored)))
        }
        Ok(stored) => (completed(&outcome, about(&stored)), Some(part(stored))),
        Err(why) if best_effort => {
            let why = format!("{why}. It is left out, with its {size} bytes.");
            (completed(&outcome, [("attachment_error", why.into())]), None)
        }
        Err(why) => (failure(&why), None),
    }
}

async fn store(state: &State, chat: &Chat, key: &str, attachment: ToolAttachment) -> Result<StoredFile, String> {
    let file = new_file(state, chat, key, attachment)?;
    persist(state, || state.files.insert(file.clone())).await.map_err(|error| {
        error!(chat = %chat.id, %error, "a file of a tool was not kept");
        "the file could not be kept for a reason inside chatmesh, which may pass".to_owned()
    })
}

/// The file as it is to be kept: taken for what an upload of it would be taken for.
fn new_file(state: &State, chat: &Chat, key: &str, attachment: ToolAttachment) -> Result<NewFile, String> {
    let ToolAttachment { name, media_type, data, .. } = attachment;
    let called = if name.is_empty() { "the file".to_owned() } else { format!("`{name}`") };
    if data.len() > MAX_FILE_BYTES {
        return Err(format!("{called} is too large: {} bytes, {MAX_FILE_BYTES} at most", data.len()));
    }
    let media_type = media_type_of(&data, &media_type, &name).map_err(|why| format!("{called} {why}"))?;
    let mut violations = Violations::new();
    let file = NewFile {
        id: FileId(state.ids.next()),
        owner_id: chat.owner_id,
        name: name_of(&name, media_type, &mut violations),
        media_type,
        data: data.into(),
        request_id: Some(request_id(key)),
        created_at: state.clock.now(),
    };
    violations.finish(Some(file)).map_err(|violations: Violations| format!("the file cannot be attached: {violations}"))
}

/// The identifier under which the file of a call is kept once.
fn request_id(key: &str) -> Uuid {
    let digest = Sha256::digest(format!("attachment/{key}"));
    let mut bytes = [0; 16];
    for (byte, of_digest) in bytes.iter_mut().zip(digest) {
        *byte = of_digest;
    }
    Uuid::from_bytes(bytes)
}

/// What a model is told of a kept file.
fn about(file: &StoredFile) -> Map<String, Value> {
    let mut about = Map::new();
    about.insert("file_id".to_owned(), file.id.to_string().into());
    about.insert("name".to_owned(), file.name.as_str().into());
    about.insert("media_type".to_owned(), file.media_type.as_str().into());
    about.insert("size".to_owned(), file.size_bytes.into());
    about
}

/// The result with further fields.
fn completed<K: Into<String>>(outcome: &ToolOutcome, more: impl IntoIterator<Item = (K, Value)>) -> ToolOutcome {
    let mut fields: Map<String, Value> = serde_json::from_str(&outcome.result).unwrap_or_default();
    fields.extend(more.into_iter().map(|(name, value)| (name.into(), value)));
    ToolOutcome { result: Value::Object(fields).to_string(), ..ToolOutcome::default() }
}

fn part(file: StoredFile) -> Part {
    let StoredFile { id, name, media_type, .. } = file;
    let file = File { file_id: id.to_string(), name, media_type, ..File::default() };
    Part { body: Some(Body::File(file)), ..Part::default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_call_has_an_identifier_of_its_own_that_is_always_the_same() {
        assert_eq!(request_id("chat/2/call-1"), request_id("chat/2/call-1"));
        assert_ne!(request_id("chat/2/call-1"), request_id("chat/2/call-2"));
        assert_ne!(request_id("chat/2/call-1"), request_id("chat/3/call-1"));
    }
}
