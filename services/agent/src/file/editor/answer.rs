//! What callers are told of edited files.

use std::time::{Duration, Instant};

use chatmesh_proto::agent::v1 as pb;
use tracing::warn;

use super::super::edit::diff::{Diff, unified};
use super::compute::Computed;
use crate::receipts::EditReceipt;

/// The longest difference of one file.
const MAX_DIFF: usize = 256 * 1024;
/// The longest differences of all files: an answer must fit into one message.
const MAX_DIFFS: usize = 1024 * 1024;
/// How long differences are made.
const DIFF_TIME: Duration = Duration::from_secs(2);

/// What a repeat is told.
pub(super) fn repeated(receipt: EditReceipt) -> pb::EditFilesResponse {
    let files = receipt.files.into_iter().map(|file| pb::EditedFile {
        path: file.label,
        resolved_path: file.path,
        size_bytes: file.size_bytes,
        replacements: file.replacements,
        inexact_replacements: file.inexact_replacements,
        ..pb::EditedFile::default()
    });
    pb::EditFilesResponse { files: files.collect(), repeated: true }
}

/// What the first caller is told. The files are written by now, so nothing here may fail.
pub(super) async fn answer(files: Vec<Computed>, include_diff: bool) -> pb::EditFilesResponse {
    let until = Instant::now() + DIFF_TIME;
    let mut room = MAX_DIFFS;
    let mut answers = Vec::with_capacity(files.len());
    for file in files {
        let mut answer = pb::EditedFile {
            path: file.label.clone(),
            resolved_path: file.path.display().to_string(),
            size_bytes: file.new.len() as u64,
            replacements: file.replacements,
            inexact_replacements: file.inexact_replacements,
            ..pb::EditedFile::default()
        };
        if include_diff {
            let diff = if Instant::now() < until { diff(file, room.min(MAX_DIFF)).await } else { missing() };
            room -= diff.text.len().min(room);
            (answer.diff, answer.diff_truncated) = (diff.text, diff.truncated);
        }
        answers.push(answer);
    }
    pb::EditFilesResponse { files: answers, repeated: false }
}

async fn diff(file: Computed, max_bytes: usize) -> Diff {
    let made = tokio::task::spawn_blocking(move || unified(&file.label, &file.old, &file.new, max_bytes)).await;
    made.unwrap_or_else(|error| {
        warn!(%error, "difference not made");
        missing()
    })
}

fn missing() -> Diff {
    Diff { text: String::new(), truncated: true }
}
