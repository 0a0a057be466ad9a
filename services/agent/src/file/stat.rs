//! Describes files.

use std::fs::{FileType, Metadata};
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
use std::path::Path;

use chatmesh_core::Timestamp;
use chatmesh_proto::agent::v1 as pb;

use super::error::Error;
use super::path::{absolute, follow_links};

/// Describes the file that a request names. Blocks.
pub(super) fn stat(request: &pb::StatFileRequest) -> Result<pb::StatFileResponse, Error> {
    let path = absolute(&request.path)?;
    let metadata = if request.follow_links { std::fs::metadata(&path) } else { std::fs::symlink_metadata(&path) };
    let metadata = metadata.map_err(Error::io("look at", &path))?;
    Ok(pb::StatFileResponse { file: Some(describe(&path, &metadata)) })
}

/// Says where the path of a request leads. Blocks.
pub(super) fn resolve(request: &pb::ResolvePathRequest) -> Result<pb::ResolvePathResponse, Error> {
    let path = absolute(&request.path)?;
    let resolved = follow_links(&path).map_err(Error::io("resolve", &path))?;
    // Its links are followed, so what is there is no link.
    let exists = std::fs::symlink_metadata(&resolved).is_ok();
    Ok(pb::ResolvePathResponse { path: resolved.display().to_string(), exists })
}

/// Describes a file by its metadata. Blocks for a symbolic link, which is read.
pub(super) fn describe(path: &Path, metadata: &Metadata) -> pb::FileInfo {
    let kind = kind(metadata.file_type());
    let target = match kind {
        pb::FileKind::Symlink => std::fs::read_link(path).map(|target| target.to_string_lossy().into_owned()),
        _ => Ok(String::new()),
    };
    pb::FileInfo {
        kind: kind.into(),
        size_bytes: metadata.size(),
        mode: metadata.mode() & 0o7777,
        modify_time: modify_time(metadata).map(Into::into),
        // A link that was replaced a moment ago says nothing.
        symlink_target: target.unwrap_or_default(),
        owner_id: metadata.uid(),
        group_id: metadata.gid(),
    }
}

/// When the content changed last; nothing for times that no calendar has.
pub(super) fn modify_time(metadata: &Metadata) -> Option<Timestamp> {
    Timestamp::from_timestamp(metadata.mtime(), u32::try_from(metadata.mtime_nsec()).ok()?)
}

/// What a file is.
pub(super) fn kind(file_type: FileType) -> pb::FileKind {
    match file_type {
        _ if file_type.is_file() => pb::FileKind::Regular,
        _ if file_type.is_dir() => pb::FileKind::Directory,
        _ if file_type.is_symlink() => pb::FileKind::Symlink,
        _ if file_type.is_fifo() || file_type.is_socket() => pb::FileKind::Special,
        _ if file_type.is_block_device() || file_type.is_char_device() => pb::FileKind::Special,
        _ => pb::FileKind::Unspecified,
    }
}
