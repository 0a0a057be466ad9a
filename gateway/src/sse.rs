//! What server-sent events need beside their frames: signs of life, and an end that says why.

use std::time::Duration;

use async_stream::stream;
use axum::body::Body;
use axum::http::{HeaderValue, header};
use axum::response::Response;
use bytes::Bytes;
use futures::StreamExt as _;
use rest_over_grpc::handling::{Code, Status as RestStatus};
use tokio_util::sync::CancellationToken;

use crate::errors;

/// How long a stream is silent before a comment is sent: shorter than proxies wait.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// Adds comments while nothing happens, and a last event `error` where the stream fails: the
/// status line was sent long before, so that nothing else can say it.
pub(crate) fn keep_alive(response: Response, shutdown: CancellationToken) -> Response {
    let is_stream = response
        .headers()
        .get(header::CONTENT_TYPE)
        .is_some_and(|content_type| content_type.as_bytes().starts_with(b"text/event-stream"));
    if !is_stream {
        return response;
    }
    let (mut parts, body) = response.into_parts();
    parts.headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    // Proxies that buffer would hold the events back.
    parts.headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
    let mut frames = body.into_data_stream();
    let events = stream! {
        // The first bytes let clients see at once that the stream is open.
        yield Ok::<_, axum::Error>(Bytes::from_static(b": open\n\n"));
        loop {
            let next = tokio::select! {
                next = tokio::time::timeout(KEEP_ALIVE, frames.next()) => next,
                () = shutdown.cancelled() => {
                    let status = RestStatus::new(Code::Unavailable, "this process ends: connect again");
                    yield Ok(event_of(&status).into());
                    return;
                }
            };
            match next {
                Ok(Some(Ok(frame))) => yield Ok(frame),
                Ok(Some(Err(error))) => {
                    yield Ok(last_event(&error).into());
                    return;
                }
                Ok(None) => return,
                Err(_) => yield Ok(Bytes::from_static(b": alive\n\n")),
            }
        }
    };
    Response::from_parts(parts, Body::from_stream(events))
}

fn last_event(error: &(dyn std::error::Error + 'static)) -> String {
    let mut cause = Some(error);
    while let Some(current) = cause {
        if let Some(status) = current.downcast_ref::<RestStatus>() {
            return event_of(status);
        }
        cause = current.source();
    }
    event_of(&RestStatus::new(Code::Unavailable, "the stream broke: connect again"))
}

fn event_of(status: &RestStatus) -> String {
    format!("event: error\ndata: {}\n\n", errors::body(status))
}
