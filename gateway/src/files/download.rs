//! `GET /api/v1/files/{file_id}`: the file itself.

use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use chatmesh_proto::chat::v1::file_service_client::FileServiceClient;
use chatmesh_proto::chat::v1::{GetFileRequest, GetFileResponse};

use super::disposition::disposition;
use crate::errors;
use crate::forward;
use crate::rest::Rest;

/// A file never changes, but only its owner may have it.
const CACHE_CONTROL: &str = "private, max-age=31536000, immutable";
/// Whatever a browser makes of the file, it may run and load nothing.
const POLICY: &str = "default-src 'none'; sandbox";

/// Returns a file.
pub(crate) async fn download(State(rest): State<Rest>, request: Request) -> Response {
    let file_id = request.uri().path().rsplit('/').next().unwrap_or_default().to_owned();
    let message = GetFileRequest { file_id };
    let mut files =
        FileServiceClient::new(rest.chat().clone()).max_decoding_message_size(chatmesh_rpc::MAX_MESSAGE_BYTES);
    let call = files.get_file(forward::with_assertion(request.headers(), message));
    match forward::in_time(call).await {
        Ok(found) => answer(found.into_inner(), request.headers()),
        Err(status) => errors::response(&status),
    }
}

fn answer(found: GetFileResponse, headers: &HeaderMap) -> Response {
    let file = found.file.unwrap_or_default();
    let tag = format!("\"{}\"", file.id);
    let caching = [(header::ETAG, tag.clone()), (header::CACHE_CONTROL, CACHE_CONTROL.to_owned())];
    if is_known(headers, &tag) {
        return (StatusCode::NOT_MODIFIED, caching).into_response();
    }
    let content_type = match file.media_type.as_str() {
        text if text.starts_with("text/") => format!("{text}; charset=utf-8"),
        other => other.to_owned(),
    };
    let about = [
        (header::CONTENT_TYPE, content_type),
        (header::CONTENT_DISPOSITION, disposition(&file.name, &file.media_type)),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff".to_owned()),
    ];
    let mut response = (caching, about, found.data).into_response();
    // Browsers do not show a PDF in a sandbox.
    if file.media_type != "application/pdf" {
        response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, header::HeaderValue::from_static(POLICY));
    }
    response
}

/// True where the client has the file already.
fn is_known(headers: &HeaderMap, tag: &str) -> bool {
    let known = headers.get(header::IF_NONE_MATCH).and_then(|value| value.to_str().ok()).unwrap_or_default();
    known.split(',').map(str::trim).any(|one| one == "*" || one.trim_start_matches("W/") == tag)
}
