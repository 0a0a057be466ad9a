//! One request to the container runtime.

use std::error::Error as _;
use std::path::Path;
use std::pin::pin;

use bytes::Bytes;
use http::header::{HOST, USER_AGENT};
use http::{HeaderValue, Request, StatusCode};
use http_body_util::{BodyExt as _, Empty, LengthLimitError, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use tokio::net::UnixStream;

use super::error::Error;

/// The largest answer that is read.
const MAX_ANSWER: usize = 16 * 1024 * 1024;
/// How much of an error's text is passed on.
const MAX_MESSAGE: usize = 500;

/// How the runtime says what is wrong.
#[derive(Debug, Deserialize)]
struct Complaint {
    message: String,
}

/// Gets a resource, whose path must be a valid one, from the runtime that listens on `socket`.
pub(super) async fn get(socket: &Path, resource: &str) -> Result<Bytes, Error> {
    let stream = UnixStream::connect(socket).await.map_err(|error| Error::connect(socket, &error))?;
    let broken = |error: &hyper::Error| Error::Broken { path: socket.to_owned(), reason: reason(error) };
    let mut request = Request::new(Empty::<Bytes>::new());
    *request.uri_mut() = resource.parse().unwrap_or_default();
    // A socket has no name; the protocol wants one nevertheless.
    request.headers_mut().insert(HOST, HeaderValue::from_static("docker"));
    request.headers_mut().insert(USER_AGENT, HeaderValue::from_static("chatmesh-agent"));

    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(|error| broken(&error))?;
    let mut exchange = pin!(async {
        let response = sender.send_request(request).await.map_err(|error| broken(&error))?;
        let code = response.status();
        let body = Limited::new(response.into_body(), MAX_ANSWER).collect().await;
        let body = body.map_err(|error| match error.downcast::<hyper::Error>() {
            Ok(error) => broken(&error),
            Err(error) if error.is::<LengthLimitError>() => Error::TooLarge(MAX_ANSWER),
            Err(error) => Error::Broken { path: socket.to_owned(), reason: error.to_string() },
        })?;
        answer(code, body.to_bytes())
    });
    tokio::select! {
        answer = &mut exchange => answer,
        // Where it ended early, the exchange knows.
        _ = connection => exchange.await,
    }
}

fn answer(code: StatusCode, body: Bytes) -> Result<Bytes, Error> {
    if code == StatusCode::OK {
        return Ok(body);
    }
    let message = serde_json::from_slice(&body).map(|complaint: Complaint| complaint.message);
    let message = message.unwrap_or_else(|_| String::from_utf8_lossy(&body).into_owned());
    Err(Error::Refused { code, message: message.chars().take(MAX_MESSAGE).collect() })
}

/// What hyper says, and why.
fn reason(error: &hyper::Error) -> String {
    error.source().map_or_else(|| error.to_string(), |cause| format!("{error}: {cause}"))
}
