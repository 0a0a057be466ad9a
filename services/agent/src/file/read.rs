//! Reads lines of a text file.

use std::fs::File;
use std::io::{BufReader, Read as _};
use std::path::Path;

use chatmesh_proto::agent::v1 as pb;

use super::error::Error;
use super::lines::{Failure, Selection};
use super::open::open_regular;
use super::path::absolute;

/// The longest line where the caller does not say.
const MAX_LINE_BYTES: u32 = 1024;
/// The most lines where the caller does not say.
const MAX_LINES: u32 = 2000;
/// The most bytes where the caller does not say.
const MAX_RESPONSE_BYTES: u32 = 32 * 1024;
/// The most bytes that a caller may ask for: an answer must fit into one message.
const RESPONSE_BYTES_BOUND: u32 = 3 * 1024 * 1024;
/// The largest file where the caller does not say.
const MAX_FILE_BYTES: u64 = 1024 * 1024;
/// The largest file that a caller may ask for: all of it is read, whatever is selected.
const FILE_BYTES_BOUND: u64 = 1024 * 1024 * 1024;

/// Reads lines within the limits of the request. What is over a limit is an error, never a part
/// of the data. Blocks; memory does not grow with the size of the file.
pub(super) fn read_lines(request: &pb::ReadFileLinesRequest) -> Result<pb::ReadFileLinesResponse, Error> {
    let path = absolute(&request.path)?;
    let limit = or_default(request.max_file_bytes, MAX_FILE_BYTES).min(FILE_BYTES_BOUND);
    // A file may be longer than it says: it can grow, and those in /proc have no size at all.
    let file = open(&path, limit)?.take(limit.saturating_add(1));
    let lines = selection(request).take(BufReader::with_capacity(64 * 1024, file));
    let lines = lines.map_err(|failure| match failure {
        Failure::Io(source) => Error::io("read", &path)(source),
        Failure::Binary => Error::Unsuitable { path: path.clone(), problem: "is a binary file, not text" },
        Failure::Limit(error) => error,
    })?;
    if lines.bytes > limit {
        return Err(Error::TooLarge { path, size: lines.bytes, limit });
    }
    Ok(pb::ReadFileLinesResponse {
        file_bytes: lines.bytes,
        total_lines: u32::try_from(lines.total).unwrap_or(u32::MAX),
        lines_read: u32::try_from(lines.taken).unwrap_or(u32::MAX),
        content: lines.content,
    })
}

fn open(path: &Path, limit: u64) -> Result<File, Error> {
    let (file, metadata) = open_regular(path)?;
    if metadata.len() > limit {
        return Err(Error::TooLarge { path: path.to_owned(), size: metadata.len(), limit });
    }
    Ok(file)
}

fn selection(request: &pb::ReadFileLinesRequest) -> Selection {
    let max_lines = or_default(request.max_lines, MAX_LINES);
    Selection {
        offset: request.offset.max(1).into(),
        limit: or_default(request.limit, max_lines).into(),
        max_line_bytes: or_default(request.max_line_bytes, MAX_LINE_BYTES).min(RESPONSE_BYTES_BOUND) as usize,
        max_lines: max_lines.into(),
        max_response_bytes: or_default(request.max_response_bytes, MAX_RESPONSE_BYTES).min(RESPONSE_BYTES_BOUND)
            as usize,
    }
}

fn or_default<T: Default + PartialEq>(value: T, default: T) -> T {
    if value == T::default() { default } else { value }
}
