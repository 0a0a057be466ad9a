//! `POST /api/v1/files`: the file as the body, or in a form.

use axum::body::{Body, to_bytes};
use axum::extract::{Query, Request, State};
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use chatmesh_proto::chat::v1::UploadFileRequest;
use chatmesh_proto::chat::v1::file_service_client::FileServiceClient;
use http_body_util::LengthLimitError;
use tonic::Status;

use super::{MAX_FILE_BYTES, form};
use crate::errors;
use crate::forward;
use crate::rest::Rest;

/// Why an upload was refused before any service saw it.
#[derive(Debug)]
pub(super) enum Refusal {
    /// The file is too large.
    TooLarge,
    /// A field of the request is wrong: which, and what about it.
    Field(String, String),
    /// A service said so.
    Status(Status),
}

/// Keeps a file.
pub(crate) async fn upload(State(rest): State<Rest>, request: Request) -> Response {
    match try_upload(&rest, request).await {
        Ok(response) => response,
        Err(Refusal::Status(status)) => errors::response(&status),
        Err(Refusal::Field(field, description)) => errors::response(&errors::invalid(&field, &description)),
        Err(Refusal::TooLarge) => {
            let description = format!("is too large: {MAX_FILE_BYTES} bytes at most");
            errors::response_as(StatusCode::PAYLOAD_TOO_LARGE, &errors::invalid("data", &description))
        }
    }
}

async fn try_upload(rest: &Rest, request: Request) -> Result<Response, Refusal> {
    let mut message = parameters(request.uri())?;
    let (parts, body) = request.into_parts();
    let content_type =
        parts.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if is_form(content_type) {
        let file = form::read(content_type, body).await?;
        message.data = file.data;
        fill(&mut message.name, file.name);
        fill(&mut message.media_type, file.media_type);
    } else {
        message.data = read(&parts.headers, body).await?;
        fill(&mut message.media_type, content_type.to_owned());
    }
    let mut files = FileServiceClient::new(rest.chat().clone());
    let call = files.upload_file(forward::with_assertion(&parts.headers, message));
    let file = forward::in_time(call).await.map_err(Refusal::Status)?.into_inner().file.unwrap_or_default();
    Ok(axum::Json(file).into_response())
}

/// What the query says: it comes before what headers and forms say.
fn parameters(uri: &Uri) -> Result<UploadFileRequest, Refusal> {
    let mut message = UploadFileRequest::default();
    let Query(pairs) = Query::<Vec<(String, String)>>::try_from_uri(uri)
        .map_err(|error| Refusal::Status(Status::invalid_argument(format!("the address is not valid: {error}"))))?;
    for (key, value) in pairs {
        match key.as_str() {
            "name" => message.name = value,
            "media_type" => message.media_type = value,
            "request_id" => message.request_id = value,
            _ => {
                let description = "is no parameter of an upload: expected one of `name`, `media_type`, `request_id`";
                return Err(Refusal::Field(key, description.to_owned()));
            }
        }
    }
    Ok(message)
}

fn is_form(content_type: &str) -> bool {
    content_type.get(..19).is_some_and(|start| start.eq_ignore_ascii_case("multipart/form-data"))
}

fn fill(field: &mut String, value: String) {
    if field.is_empty() {
        *field = value;
    }
}

async fn read(headers: &HeaderMap, body: Body) -> Result<Bytes, Refusal> {
    let announced = headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    if announced.is_some_and(|length| length > MAX_FILE_BYTES as u64) {
        return Err(Refusal::TooLarge);
    }
    to_bytes(body, MAX_FILE_BYTES).await.map_err(|error| {
        let limited = std::error::Error::source(&error).is_some_and(|source| source.is::<LengthLimitError>());
        if limited { Refusal::TooLarge } else { broken_off(&error) }
    })
}

/// The client went away or does not speak HTTP.
pub(super) fn broken_off(error: &dyn std::fmt::Display) -> Refusal {
    Refusal::Status(Status::invalid_argument(format!("the body could not be read to its end: {error}")))
}
