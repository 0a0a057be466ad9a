//! What all calls of AWS Bedrock share: frames around the events of an answer, and errors.

mod errors;
mod frames;

use http::{HeaderMap, HeaderValue};

pub(super) use self::errors::decode as decode_error;
pub(super) use self::frames::{Carried, Frames};

/// The media type of streams.
const EVENT_STREAM: HeaderValue = HeaderValue::from_static("application/vnd.amazon.eventstream");

/// Asks for a stream of frames.
pub(super) fn accept_frames(headers: &mut HeaderMap) {
    headers.insert(http::header::ACCEPT, EVENT_STREAM);
}

#[cfg(test)]
mod tests;
