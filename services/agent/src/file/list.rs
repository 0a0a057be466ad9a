//! Lists directories.

mod page;

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use chatmesh_proto::agent::v1 as pb;

use super::error::Error;
use super::path::{absolute_or_home, follow_links};
use super::stat::{describe, kind};
use page::{Page, Place};

/// How many entries where the caller does not say.
const PAGE_SIZE: u32 = 500;
/// The most entries that a caller may ask for.
const MAX_PAGE_SIZE: u32 = 2000;
/// How long the names and links of a page may be: an answer must fit into one message.
const MAX_PAGE_BYTES: usize = 1024 * 1024;
/// How many entries of a directory are looked at.
const MAX_ENTRIES: usize = 1_000_000;

/// Lists a page of a directory, in memory for one page however large the directory is. What can
/// not be read of it is left out and said, and what can not be described is named. Blocks.
pub(super) fn list(
    request: &pb::ListDirectoryRequest,
    home: Option<&Path>,
) -> Result<pb::ListDirectoryResponse, Error> {
    let path = absolute_or_home(&request.path, home)?;
    let path = follow_links(&path).map_err(Error::io("list", &path))?;
    let after = Place::parse(&request.page_token)?;
    let size = if request.page_size == 0 { PAGE_SIZE } else { request.page_size.min(MAX_PAGE_SIZE) };

    let mut page = Page::new(after, size as usize);
    let mut incomplete = false;
    for (count, entry) in std::fs::read_dir(&path).map_err(Error::io("list", &path))?.enumerate() {
        match entry {
            Ok(entry) if count < MAX_ENTRIES => {
                let kind = entry.file_type().map_or(pb::FileKind::Unspecified, kind);
                page.offer(Place::new(kind, entry.file_name().as_bytes()), kind);
            }
            // What was read until here is worth more than an error.
            _ => {
                incomplete = true;
                break;
            }
        }
    }

    let (places, mut has_more) = page.finish();
    let mut entries = Vec::with_capacity(places.len());
    let mut last = None;
    let mut bytes = 0;
    for (place, kind) in places {
        let entry = entry(&path, place.name(), kind);
        bytes += entry.name.len() + entry.problem.len();
        bytes += entry.file.as_ref().map_or(0, |file| file.symlink_target.len());
        if bytes > MAX_PAGE_BYTES && !entries.is_empty() {
            has_more = true;
            break;
        }
        entries.push(entry);
        last = Some(place);
    }
    let next_page_token = last.filter(|_| has_more).map_or_else(String::new, |place| place.to_string());
    Ok(pb::ListDirectoryResponse { path: path.display().to_string(), entries, next_page_token, incomplete })
}

fn entry(directory: &Path, name: &[u8], kind_in_directory: pb::FileKind) -> pb::DirectoryEntry {
    let path = directory.join(OsStr::from_bytes(name));
    let text = String::from_utf8_lossy(name);
    let lossy_name = matches!(text, std::borrow::Cow::Owned(_));
    let (file, problem) = match std::fs::symlink_metadata(&path) {
        Ok(metadata) => (describe(&path, &metadata), String::new()),
        Err(error) => {
            let file = pb::FileInfo { kind: kind_in_directory.into(), ..pb::FileInfo::default() };
            (file, Error::io("look at", &path)(error).to_string())
        }
    };
    let target_kind = match file.kind() {
        pb::FileKind::Symlink => {
            std::fs::metadata(&path).map_or(pb::FileKind::Unspecified, |target| kind(target.file_type()))
        }
        _ => pb::FileKind::Unspecified,
    };
    pb::DirectoryEntry {
        name: text.into_owned(),
        lossy_name,
        file: Some(file),
        target_kind: target_kind.into(),
        problem,
    }
}
