//! `GET /api/v1/workspaces/{workspace_id}/agent:download` and `POST .../agent:upload`: how fast bytes
//! come and go, end to end. They carry nothing that means anything.

use std::time::Duration;

use axum::Json;
use axum::body::Body;
use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, Uri, header};
use axum::response::IntoResponse;
use bytes::Bytes;
use chatmesh_proto::agent::v1::diagnostics_service_client::DiagnosticsServiceClient;
use chatmesh_proto::agent::v1::{TestDownloadRequest, TestDownloadResponse, TestUploadRequest, TestUploadResponse};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use tonic::Status;

use super::access::Access;
use super::agent::{Agent, in_time};
use super::call;
use super::parameters::Parameters;
use super::refusal::Refusal;
use crate::errors;

/// How long the agent may take to begin.
const BEGIN_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a test may take; the agent ends it earlier.
const TEST_TIMEOUT: Duration = Duration::from_secs(75);
/// The longest test that may be asked for, in milliseconds.
const MAX_DURATION_MS: u32 = 60_000;
/// How long a test takes where nobody says.
const DURATION_MS: u32 = 5_000;
/// The most bytes in one message to an agent.
const MAX_DATA: usize = 64 * 1024;

/// Sends what the agent sends as fast as it can.
pub(super) async fn download(
    State(access): State<Access>,
    Path(workspace_id): Path<String>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<impl IntoResponse, Refusal> {
    let agent = access.agent(&headers, &workspace_id).await?;
    let parameters = Parameters::read(&uri, &["max_bytes", "max_duration_ms"])?;
    let max_duration_ms = parameters.number("max_duration_ms")?.unwrap_or(DURATION_MS);
    if max_duration_ms == 0 || max_duration_ms > MAX_DURATION_MS {
        return Err(errors::invalid("max_duration_ms", "must be 1 to 60000").into());
    }
    let message =
        TestDownloadRequest { max_bytes: parameters.number("max_bytes")?.unwrap_or_default(), max_duration_ms };
    let mut diagnostics = DiagnosticsServiceClient::new(agent.transport());
    let call = diagnostics.test_download(agent.request(message));
    let pieces = in_time(BEGIN_TIMEOUT, "the agent did not begin", call).await?;
    let soft = access.tasks().shutdown().soft().clone();
    let bytes = pieces.map_ok(|piece: TestDownloadResponse| piece.data);
    let body = Body::from_stream(bytes.take_until(async move { soft.cancelled().await }));
    Ok(([(header::CONTENT_TYPE, "application/octet-stream")], body))
}

/// Takes bytes as fast as the agent does, and says how fast that was.
pub(super) async fn upload(
    State(access): State<Access>,
    Path(workspace_id): Path<String>,
    request: Request,
) -> Result<Json<TestUploadResponse>, Refusal> {
    let (parts, body) = request.into_parts();
    let agent = access.agent(&parts.headers, &workspace_id).await?;
    Ok(Json(try_upload(&agent, body).await?))
}

async fn try_upload(agent: &Agent, body: Body) -> Result<TestUploadResponse, Status> {
    let (mut requests, stream, transport) = call::requests(agent.transport());
    let mut diagnostics = DiagnosticsServiceClient::new(transport);
    let call = diagnostics.test_upload(agent.request(stream));
    let send = async {
        let mut pieces =
            body.into_data_stream().map_ok(|bytes| stream::iter(cut(bytes).map(Ok::<_, axum::Error>))).try_flatten();
        loop {
            let data = match pieces.try_next().await {
                Ok(Some(data)) => data,
                Ok(None) => return requests.finish(),
                // Broken off, which the call hears of.
                Err(_) => return drop(requests),
            };
            if requests.send(TestUploadRequest { data }).await.is_err() {
                // An agent that takes no more says why.
                return;
            }
        }
    };
    let both = async { tokio::join!(call, send).0 };
    in_time(TEST_TIMEOUT, "the upload did not end", both).await
}

fn cut(mut bytes: Bytes) -> impl Iterator<Item = Bytes> {
    std::iter::from_fn(move || (!bytes.is_empty()).then(|| bytes.split_to(bytes.len().min(MAX_DATA))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_message_is_too_long_and_no_byte_is_lost() {
        for length in [0, 1, MAX_DATA, MAX_DATA + 1, 3 * MAX_DATA + 7] {
            let pieces: Vec<Bytes> = cut(Bytes::from(vec![7; length])).collect();
            assert!(pieces.iter().all(|piece| (1..=MAX_DATA).contains(&piece.len())));
            assert_eq!(pieces.iter().map(Bytes::len).sum::<usize>(), length);
        }
    }
}
