//! One request: check it, find its answer, play it.

mod answer;

use std::convert::Infallible;
use std::sync::Arc;

use answer::Reply;
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::request::Parts;
use http::{HeaderName, HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use super::conversation::Conversation;
use super::dialect::Dialect;
use super::journal::{Outcome, Ticket};
use super::playback::{self, Body};
use super::refusal::Refusal;
use super::validate::{self, Unchecked};
use super::{Shared, control, library};

/// Where Anthropic counts tokens.
const COUNT: &str = "/v1/messages/count_tokens";

/// Answers one request; `hang_up` closes its connection.
pub(super) async fn handle(
    shared: Arc<Shared>,
    hang_up: CancellationToken,
    request: Request<Incoming>,
) -> Result<Response<Body>, Infallible> {
    let (head, body) = request.into_parts();
    // A body that breaks off is the client's accident: nobody is left to read an answer.
    let body = body.collect().await.map(|body| body.to_bytes()).unwrap_or_default();
    if head.uri.path().starts_with(control::PREFIX) {
        let (status, json) = control::answer(&shared, &head.method, head.uri.path(), &body);
        return Ok(json_response(status, &json));
    }
    let mut ticket = shared.journal.open(&head, &body);
    let reply = reply(&shared, &head, &body);
    ticket.wait(reply.first_delay).await;
    if reply.is_dropped {
        ticket.close(Outcome::Broken);
        hang_up.cancel();
        futures::future::pending::<()>().await;
    }
    ticket.decided(reply.status);
    Ok(respond(&shared, reply, ticket, hang_up))
}

fn reply(shared: &Shared, head: &Parts, body: &Bytes) -> Reply {
    let path = head.uri.path();
    match Dialect::of_path(path) {
        Some(dialect) if head.method == Method::POST => {
            let request =
                Unchecked { dialect, headers: &head.headers, body, keys: &shared.api_keys, stored: &shared.stored };
            let is_known = |model: &str| shared.library.has(model) || shared.replay.has_model(model);
            match validate::check(&request, is_known) {
                Ok(body) => model_call(shared, dialect, head, &body),
                Err(refusal) => Reply::refused(dialect, &refusal),
            }
        }
        _ if shared.replay.has_path(&head.method, path) => {
            let json = serde_json::from_slice(body).unwrap_or(Value::Null);
            recorded(shared, head, &json).unwrap_or_else(|| Reply::unknown(head))
        }
        _ if head.method == Method::POST && path.ends_with(COUNT) => count(shared, head, body),
        _ => Reply::unknown(head),
    }
}

/// Counts the tokens of a prompt, which Anthropic does without a limit for an answer.
fn count(shared: &Shared, head: &Parts, body: &Bytes) -> Reply {
    let dialect = Dialect::Anthropic;
    let mut json: Value = serde_json::from_slice(body).unwrap_or(Value::Null);
    if json.is_object() {
        json["max_tokens"] = 1.into();
    }
    let body = json.to_string();
    let request = Unchecked {
        dialect,
        headers: &head.headers,
        body: body.as_bytes(),
        keys: &shared.api_keys,
        stored: &shared.stored,
    };
    match validate::check(&request, |model| shared.library.has(model)) {
        Ok(body) => Reply::counted(library::input_tokens(&Conversation::read(dialect, &body))),
        Err(refusal) => Reply::refused(dialect, &refusal),
    }
}

fn model_call(shared: &Shared, dialect: Dialect, head: &Parts, body: &Value) -> Reply {
    if let Some(scripted) = answer::scripted(shared, dialect, body) {
        return scripted;
    }
    recorded(shared, head, body).unwrap_or_else(|| {
        let message = "no recorded request says the same as this one";
        Reply::refused(dialect, &Refusal::new(404, dialect.error_kind(404), message))
    })
}

fn recorded(shared: &Shared, head: &Parts, body: &Value) -> Option<Reply> {
    let path_and_query = head.uri.path_and_query().map_or("/", |path| path.as_str());
    shared.replay.find(&head.method, path_and_query, body).map(Reply::recorded)
}

fn respond(shared: &Shared, reply: Reply, ticket: Ticket, hang_up: CancellationToken) -> Response<Body> {
    let beats = shared.chunks.cut(reply.beats);
    let mut response = Response::new(playback::play(beats, ticket, hang_up));
    // Scripts may name any status; an impossible one is a mistake worth seeing.
    *response.status_mut() = StatusCode::from_u16(reply.status).unwrap_or(StatusCode::NOT_IMPLEMENTED);
    for (name, value) in &reply.headers {
        match (HeaderName::try_from(name), HeaderValue::try_from(value)) {
            (Ok(name), Ok(value)) => {
                response.headers_mut().insert(name, value);
            }
            _ => tracing::warn!(name, value, "no valid header"),
        }
    }
    response
}

fn json_response(status: StatusCode, json: &Value) -> Response<Body> {
    let body = Full::from(json.to_string()).map_err(|never| match never {}).boxed_unsync();
    let mut response = Response::new(body);
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}
