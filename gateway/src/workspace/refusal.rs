//! Why there is no access, as HTTP and as the end of a WebSocket.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use chatmesh_rpc::{Code, status_with_reason};
use tonic::Status;
use tonic_types::StatusExt as _;

use crate::errors::{self, DOMAIN};

/// The reason of a request that is no WebSocket where one is needed.
const WEBSOCKET_REQUIRED: &str = "WEBSOCKET_REQUIRED";
/// The reason where a program of the workspace does not answer as HTTP asks for.
const BAD_ANSWER: &str = "PORT_BAD_ANSWER";

/// A status as the answer of a route.
#[derive(Debug)]
pub(super) struct Refusal(Status);

impl From<Status> for Refusal {
    fn from(status: Status) -> Self {
        Self(status)
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        response(&self.0)
    }
}

/// The response for a status.
fn response(status: &Status) -> Response {
    let mut response = errors::response_as(http_status(status), status);
    if response.status() == StatusCode::UPGRADE_REQUIRED {
        response.headers_mut().insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    }
    response
}

/// The HTTP status. What a port did is not what the gateway or the agent did.
pub(super) fn http_status(status: &Status) -> StatusCode {
    let details = status.get_error_details();
    let reason = details.error_info().map(|info| info.reason.as_str()).unwrap_or_default();
    match (reason, status.code()) {
        (WEBSOCKET_REQUIRED, _) => StatusCode::UPGRADE_REQUIRED,
        (
            "PORT_NOT_LISTENING" | "PORT_UNREACHABLE" | "PORT_CONNECTION_RESET" | "PORT_CONNECTION_BROKEN" | BAD_ANSWER,
            _,
        ) => StatusCode::BAD_GATEWAY,
        (_, Code::FailedPrecondition) => StatusCode::CONFLICT,
        _ => errors::rest_status(status).code().to_http_status(),
    }
}

/// The request is no WebSocket.
pub(super) fn websocket_required(why: &dyn std::fmt::Display) -> Status {
    let message = format!("this route is a WebSocket (RFC 6455, over HTTP/1.1): {why}");
    status_with_reason(Code::InvalidArgument, WEBSOCKET_REQUIRED, DOMAIN, message)
}

/// A program of the workspace did not answer as it should.
pub(super) fn bad_answer(port: u16, what: &dyn std::fmt::Display) -> Status {
    let message = format!("the program at port {port} of the workspace gave no valid HTTP answer: {what}");
    status_with_reason(Code::Unavailable, BAD_ANSWER, DOMAIN, message)
}

/// Something took too long.
pub(super) fn late(what: &str, seconds: u64) -> Status {
    let message = format!("{what} within {seconds} seconds: try again");
    status_with_reason(Code::DeadlineExceeded, "TIMEOUT", DOMAIN, message)
}

/// What the relay or the agent said, in words for the caller.
pub(super) fn of_agent(status: Status) -> Status {
    match status.code() {
        Code::Unimplemented => {
            let message = "the workspace's agent is too old for this: stop the workspace and start it again";
            status_with_reason(Code::Unimplemented, "AGENT_TOO_OLD", DOMAIN, message)
        }
        _ => status,
    }
}
