//! How fast bytes travel.

use std::time::Duration;

use bytes::Bytes;
use chatmesh_proto::agent::v1 as pb;
use chatmesh_rpc::Code;
use futures::{Stream, StreamExt as _, stream};
use tokio::time::{Instant, timeout_at};
use tonic::Status;

use crate::status::status;

/// The largest piece.
const MAX_PIECE: usize = 64 * 1024;
/// The most bytes of a test.
pub(super) const MAX_BYTES: u64 = 16 * 1024 * 1024 * 1024;
/// The longest test.
pub(super) const MAX_DURATION: Duration = Duration::from_secs(60);

/// Pieces to send, as fast as they are taken.
///
/// # Errors
/// The request has no bound, or one that is too large.
pub(super) fn download(
    request: pb::TestDownloadRequest,
) -> Result<impl Stream<Item = pb::TestDownloadResponse> + Send + use<>, Status> {
    let duration = Duration::from_millis(request.max_duration_ms.into());
    if request.max_bytes == 0 && duration.is_zero() {
        return Err(invalid("one of `max_bytes` and `max_duration_ms` must be given".to_owned()));
    }
    if request.max_bytes > MAX_BYTES {
        return Err(invalid(format!("`max_bytes` must be {MAX_BYTES} at most")));
    }
    if duration > MAX_DURATION {
        return Err(invalid(format!("`max_duration_ms` must be {} at most", MAX_DURATION.as_millis())));
    }
    let bytes = if request.max_bytes == 0 { MAX_BYTES } else { request.max_bytes };
    let deadline = Instant::now() + if duration.is_zero() { MAX_DURATION } else { duration };
    let noise = noise();
    Ok(stream::unfold(bytes, move |rest| {
        let size = usize::try_from(rest).unwrap_or(MAX_PIECE).min(MAX_PIECE);
        let is_over = size == 0 || Instant::now() >= deadline;
        let next = (!is_over).then(|| (pb::TestDownloadResponse { data: noise.slice(..size) }, rest - size as u64));
        std::future::ready(next)
    }))
}

/// Takes pieces and says how many bytes came in which time.
///
/// # Errors
/// A piece is too large, or the call broke off.
pub(super) async fn upload(
    mut pieces: impl Stream<Item = Result<pb::TestUploadRequest, Status>> + Unpin,
) -> Result<pb::TestUploadResponse, Status> {
    let deadline = Instant::now() + MAX_DURATION;
    let mut received_bytes = 0;
    let mut span = None;
    while let Ok(Some(piece)) = timeout_at(deadline, pieces.next()).await {
        let size = piece?.data.len();
        if size > MAX_PIECE {
            return Err(invalid(format!("a message has {size} bytes of data, more than {MAX_PIECE}")));
        }
        received_bytes += size as u64;
        let now = Instant::now();
        let (first, _) = *span.get_or_insert((now, now));
        span = Some((first, now));
    }
    let duration = span.map(|(first, last)| last - first).unwrap_or_default();
    Ok(pb::TestUploadResponse { received_bytes, duration_us: u64::try_from(duration.as_micros()).unwrap_or(u64::MAX) })
}

/// Bytes that nothing on the way can make shorter.
fn noise() -> Bytes {
    let mut state: u64 = 0x9e37_79b9_7f4a_7c15;
    let words = std::iter::repeat_with(|| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    });
    words.take(MAX_PIECE / 8).flat_map(u64::to_ne_bytes).collect()
}

fn invalid(message: String) -> Status {
    status(Code::InvalidArgument, "THROUGHPUT_REQUEST_INVALID", message)
}
