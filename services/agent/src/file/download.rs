//! Reads the bytes of a file as a stream.

use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::PathBuf;

use bytes::Bytes;
use chatmesh_proto::agent::v1 as pb;
use chatmesh_proto::agent::v1::read_file_response::Body;
use futures::{Stream, StreamExt as _, stream};
use tonic::Status;

use super::blocking;
use super::error::Error;
use super::media_type::media_type;
use super::open::open_regular;
use super::path::{absolute, follow_links};
use super::stat::modify_time;

/// The largest piece.
const MAX_PIECE: usize = 64 * 1024;
/// How much is read at once: handing work over takes longer than reading a piece.
const BLOCK: usize = 8 * MAX_PIECE;
/// How much is read of a file that does not say how long it is.
const MAX_UNSIZED: u64 = 64 * 1024 * 1024;

/// A file of which a part is still to be read.
#[derive(Debug)]
struct Rest {
    file: File,
    path: PathBuf,
    bytes: u64,
    /// Whether the file said its size, so that it must have all these bytes.
    is_sized: bool,
}

/// Opens the file that a request names, and returns what describes it and then its bytes. Nothing
/// is read before it is asked for, so a slow caller holds a block and no thread.
pub(super) async fn read(
    request: pb::ReadFileRequest,
) -> Result<impl Stream<Item = Result<pb::ReadFileResponse, Status>> + Send + 'static, Error> {
    let (header, rest) = blocking(move || open(&request)).await?;
    let first = stream::once(async { Ok(message(Body::Header(header))) });
    let blocks = stream::try_unfold(rest, |rest| async {
        if rest.bytes == 0 { Ok(None) } else { blocking(move || next_block(rest)).await }
    });
    let pieces = blocks.flat_map(|block| match block {
        Ok(block) => stream::iter(pieces(block)).left_stream(),
        Err(error) => stream::iter([Err(error.into())]).right_stream(),
    });
    Ok(first.chain(pieces))
}

fn open(request: &pb::ReadFileRequest) -> Result<(pb::ReadFileHeader, Rest), Error> {
    let path = absolute(&request.path)?;
    let path = follow_links(&path).map_err(Error::io("read", &path))?;
    let (mut file, metadata) = open_regular(&path)?;
    let size = metadata.len();
    let is_sized = size > 0;
    if is_sized && request.offset > size {
        return Err(Error::PastSize { path, offset: request.offset, size });
    }
    if request.offset > 0 {
        file.seek(SeekFrom::Start(request.offset)).map_err(Error::io("read", &path))?;
    }
    let limit = if request.limit == 0 { u64::MAX } else { request.limit };
    let bytes = limit.min(if is_sized { size - request.offset } else { MAX_UNSIZED });
    let header = pb::ReadFileHeader {
        path: path.display().to_string(),
        size_bytes: size,
        media_type: media_type(&path).to_owned(),
        modify_time: modify_time(&metadata).map(Into::into),
    };
    Ok((header, Rest { file, path, bytes, is_sized }))
}

/// Reads the next bytes; nothing at the end of a file of unknown size.
fn next_block(mut rest: Rest) -> Result<Option<(Bytes, Rest)>, Error> {
    let wanted = rest.bytes.min(BLOCK as u64);
    let mut block = Vec::with_capacity(usize::try_from(wanted).unwrap_or(BLOCK));
    let read = (&rest.file).take(wanted).read_to_end(&mut block).map_err(Error::io("read", &rest.path))? as u64;
    if read < wanted && rest.is_sized {
        return Err(Error::Changed { path: rest.path, problem: "became shorter while it was read" });
    }
    rest.bytes = if read < wanted { 0 } else { rest.bytes - read };
    Ok((read > 0).then(|| (Bytes::from(block), rest)))
}

fn pieces(mut block: Bytes) -> impl Iterator<Item = Result<pb::ReadFileResponse, Status>> {
    std::iter::from_fn(move || {
        let piece = block.split_to(MAX_PIECE.min(block.len()));
        (!piece.is_empty()).then(|| Ok(message(Body::Data(piece))))
    })
}

fn message(body: Body) -> pb::ReadFileResponse {
    pb::ReadFileResponse { body: Some(body) }
}
