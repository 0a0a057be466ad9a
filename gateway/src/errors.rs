//! Errors as `google.rpc.Status` in JSON.

use std::collections::HashMap;

use axum::body::Body;
use axum::http::{HeaderValue, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use rest_over_grpc::handling::{Code, Status as RestStatus};
use serde_json::{Value, json};
use tonic::Status;
use tonic_types::{ErrorDetail, StatusExt as _};

use crate::rejection::{self, Rejection};

/// Whose reasons the gateway's own errors have.
pub(crate) const DOMAIN: &str = "chatmesh.gateway";
/// The largest error that is read to be given its form.
const MAX_ERROR_BYTES: usize = 64 * 1024;

/// The HTTP response for a status.
pub(crate) fn response(status: &Status) -> Response {
    response_as(rest_status(status).code().to_http_status(), status)
}

/// The HTTP response for a status, with another HTTP status than the usual one.
pub(crate) fn response_as(http: StatusCode, status: &Status) -> Response {
    let body = body(&rest_status(status));
    let mut response = (http, [(header::CONTENT_TYPE, "application/json")], body).into_response();
    if status.code() == tonic::Code::Unauthenticated {
        response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    response
}

/// The JSON of a status.
pub(crate) fn body(status: &RestStatus) -> String {
    json!({"code": i32::from(status.code()), "message": status.message(), "details": status.details()}).to_string()
}

/// A gRPC status for the REST routes, with its details as JSON.
pub(crate) fn rest_status(status: &Status) -> RestStatus {
    let code = Code::from_i32(i32::from(status.code())).unwrap_or(Code::Unknown);
    RestStatus::new(code, status.message()).with_details(details(status))
}

fn details(status: &Status) -> Vec<Value> {
    let details = status.get_error_details_vec();
    details.into_iter().filter_map(detail).collect()
}

fn detail(detail: ErrorDetail) -> Option<Value> {
    let (name, mut value) = match detail {
        ErrorDetail::ErrorInfo(info) => {
            ("ErrorInfo", json!({"reason": info.reason, "domain": info.domain, "metadata": info.metadata}))
        }
        ErrorDetail::BadRequest(bad) => {
            let violations = bad
                .field_violations
                .into_iter()
                .map(|violation| json!({"field": violation.field, "description": violation.description}));
            ("BadRequest", json!({"field_violations": violations.collect::<Vec<_>>()}))
        }
        ErrorDetail::RetryInfo(retry) => {
            let seconds = retry.retry_delay.map_or(0.0, |delay| delay.as_secs_f64());
            ("RetryInfo", json!({"retry_delay": format!("{seconds}s")}))
        }
        _ => return None,
    };
    value["@type"] = json!(format!("type.googleapis.com/google.rpc.{name}"));
    Some(value)
}

/// The response where nothing matches.
pub(crate) fn no_route(what: &str) -> Response {
    response(&Status::not_found(no_route_message(what)))
}

fn no_route_message(what: &str) -> String {
    format!("there is no route `{what}`: /openapi.json lists what there is")
}

/// A request, as far as an error has to speak of it.
#[derive(Debug)]
pub(crate) struct Refused {
    what: String,
    query: Option<String>,
    /// The body, once it was read.
    pub(crate) body: Bytes,
}

impl Refused {
    pub(crate) fn new(method: &Method, uri: &Uri) -> Self {
        let what = format!("{method} {}", uri.path());
        Self { what, query: uri.query().map(str::to_owned), body: Bytes::new() }
    }
}

/// Gives an error that the routing itself made the form that all errors have.
pub(crate) async fn unify(response: Response, request: &Refused) -> Response {
    let status = response.status();
    let (parts, body) = response.into_parts();
    let Ok(bytes) = axum::body::to_bytes(body, MAX_ERROR_BYTES).await else {
        return self::response(&Status::internal("the error could not be read: try again"));
    };
    let value: Value = serde_json::from_slice(&bytes).unwrap_or_default();
    if value.get("code").is_some() && value.get("details").is_some() {
        return Response::from_parts(parts, Body::from(bytes));
    }
    let rest = of_routing(status, &value, request);
    (status, [(header::CONTENT_TYPE, "application/json")], self::body(&rest)).into_response()
}

fn of_routing(status: StatusCode, value: &Value, request: &Refused) -> RestStatus {
    let said = value.get("message").and_then(Value::as_str).unwrap_or_default();
    let code = value.get("code").and_then(Value::as_i64).and_then(|code| i32::try_from(code).ok());
    let code = code.and_then(Code::from_i32);
    match (status, code) {
        (StatusCode::NOT_FOUND, code) if code.is_none() || said.is_empty() || is_routing(said) => {
            RestStatus::new(Code::NotFound, no_route_message(&request.what))
        }
        (StatusCode::PAYLOAD_TOO_LARGE, _) => {
            RestStatus::new(Code::InvalidArgument, "the body is too large: 4 MiB at most")
        }
        (StatusCode::BAD_REQUEST, None | Some(Code::InvalidArgument)) => rejected(said, request),
        (_, code) => RestStatus::new(code.unwrap_or(Code::Unknown), said),
    }
}

/// The error of a request that does not decode.
fn rejected(said: &str, request: &Refused) -> RestStatus {
    let Rejection { message, violation } = rejection::explain(said, request.query.as_deref(), &request.body);
    rest_status(&invalid_request(message, violation))
}

/// The status of a request one field of which is wrong.
pub(crate) fn invalid(field: &str, description: &str) -> Status {
    let message = format!("invalid request: `{field}` {description}");
    invalid_request(message, Some((field.to_owned(), description.to_owned())))
}

fn invalid_request(message: String, violation: Option<(String, String)>) -> Status {
    let mut details = tonic_types::ErrorDetails::new();
    details.set_error_info("INVALID_REQUEST", DOMAIN, HashMap::<String, String>::new());
    if let Some((field, description)) = violation {
        details.add_bad_request_violation(field, description);
    }
    Status::with_error_details(tonic::Code::InvalidArgument, message, details)
}

/// True for what the router says where nothing matches.
fn is_routing(message: &str) -> bool {
    message.contains("no route") || message.eq_ignore_ascii_case("not found")
}
