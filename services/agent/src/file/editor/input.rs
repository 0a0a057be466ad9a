//! Requests to edit, checked.

use std::path::PathBuf;

use chatmesh_proto::agent::v1 as pb;

use super::super::error::Error;
use super::super::path::absolute_file;
use crate::chat::ChatId;
use crate::receipts::{Digest, InputDigest, Key};

/// The most files in a request.
const MAX_FILES: usize = 100;
/// The most edits in a request.
const MAX_EDITS: usize = 1000;
/// The longest text to look for.
const MAX_SEARCH: usize = 256 * 1024;
/// The longest replacement.
const MAX_REPLACE: usize = 1024 * 1024;

/// A request whose parts are valid in themselves.
#[derive(Debug)]
pub(super) struct Input {
    pub(super) files: Vec<FileInput>,
    pub(super) include_diff: bool,
    pub(super) key: Option<Key>,
    pub(super) digest: Digest,
}

/// The edits of one file.
#[derive(Debug)]
pub(super) struct FileInput {
    /// The path as the caller wrote it.
    pub(super) label: String,
    pub(super) path: PathBuf,
    pub(super) edits: Vec<pb::Edit>,
}

impl Input {
    pub(super) fn read(request: pb::EditFilesRequest, chat: Option<&ChatId>) -> Result<Self, Error> {
        let invalid = |message: String| Err(Error::Invalid(message));
        if !(1..=MAX_FILES).contains(&request.files.len()) {
            return invalid(format!("`files` must have 1 to {MAX_FILES} entries"));
        }
        if request.files.iter().map(|file| file.edits.len()).sum::<usize>() > MAX_EDITS {
            return invalid(format!("`files` must have {MAX_EDITS} edits at most in all"));
        }
        if request.idempotency_key.len() > Key::MAX_LENGTH {
            return invalid(format!("`idempotency_key` must have {} bytes at most", Key::MAX_LENGTH));
        }
        let digest = digest(&request.files);
        let key = (!request.idempotency_key.is_empty()).then(|| Key::new("EditFiles", chat, &request.idempotency_key));
        let files = request.files.into_iter().enumerate().map(|(index, file)| FileInput::read(index, file));
        Ok(Self { files: files.collect::<Result<_, _>>()?, include_diff: request.include_diff, key, digest })
    }
}

impl FileInput {
    fn read(index: usize, file: pb::FileEdits) -> Result<Self, Error> {
        let at = |field: &str, message: &str| Error::Invalid(format!("`files[{index}].{field}` {message}"));
        let path = absolute_file(&file.path).map_err(|error| Error::Invalid(format!("`files[{index}]`: {error}")))?;
        if file.edits.is_empty() {
            return Err(at("edits", "is empty; name what to replace"));
        }
        if file.edits.iter().any(|edit| edit.search.len() > MAX_SEARCH) {
            let message =
                format!("has a `search` of more than {MAX_SEARCH} bytes; take a shorter one, or write the file");
            return Err(at("edits", &message));
        }
        if file.edits.iter().any(|edit| edit.replace.len() > MAX_REPLACE) {
            let message = format!("has a `replace` of more than {MAX_REPLACE} bytes; write the file as a whole");
            return Err(at("edits", &message));
        }
        Ok(Self { label: file.path, path, edits: file.edits })
    }
}

fn digest(files: &[pb::FileEdits]) -> Digest {
    let mut digest = InputDigest::default();
    for file in files {
        digest = digest.field(file.path.as_bytes()).field(&file.edits.len().to_be_bytes());
        for edit in &file.edits {
            digest =
                digest.field(edit.search.as_bytes()).field(edit.replace.as_bytes()).field(&[edit.replace_all.into()]);
        }
    }
    digest.finish()
}
