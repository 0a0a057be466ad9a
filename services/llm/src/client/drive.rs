//! Reads the body of a stream against the clock.

use std::time::Duration;

use async_stream::stream;
use bytes::Bytes;
use chatmesh_proto::llm::v1::GenerateRequest;
use futures::{Stream, StreamExt};
use tokio::time::{Instant, timeout_at};

use crate::classify::{Cause, Failure, Transport};
use crate::codec::{Decoder, Event};

const DEFAULT_START_TIMEOUT: Duration = Duration::from_secs(60);
const DEFAULT_SILENCE_TIMEOUT: Duration = Duration::from_secs(600);

/// How long a server may keep a stream open after the answer is complete. What may still come is
/// the usage.
const LINGER: Duration = Duration::from_secs(5);

/// The longest stream that is read, in bytes. What the caller has of an answer is in memory, and a provider
/// that never ends must not fill it.
const MAX_STREAM_BYTES: usize = 256 * 1024 * 1024;

/// When to stop to wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Limits {
    /// Until then the first part must have come.
    pub(super) start: Instant,
    /// How long the provider may be silent after it.
    pub(super) silence: Duration,
    /// How many bytes a stream may have.
    pub(super) max_bytes: usize,
}

impl Limits {
    /// The limits of those who set none.
    pub(crate) fn default_from(now: Instant) -> Self {
        Self { start: now + DEFAULT_START_TIMEOUT, silence: DEFAULT_SILENCE_TIMEOUT, max_bytes: MAX_STREAM_BYTES }
    }

    /// The same where the answer comes in one piece: of a long one, nothing comes for long.
    pub(crate) fn for_whole_from(now: Instant) -> Self {
        Self { start: now + DEFAULT_SILENCE_TIMEOUT, silence: DEFAULT_SILENCE_TIMEOUT, max_bytes: MAX_STREAM_BYTES }
    }

    pub(super) fn of(request: &GenerateRequest, now: Instant) -> Self {
        let millis = |value: u32, default| match value {
            0 => default,
            value => Duration::from_millis(u64::from(value)),
        };
        Self {
            start: now + millis(request.start_timeout_ms, DEFAULT_START_TIMEOUT),
            silence: millis(request.silence_timeout_ms, DEFAULT_SILENCE_TIMEOUT),
            max_bytes: MAX_STREAM_BYTES,
        }
    }
}

/// A failure of the body.
#[derive(Debug)]
pub(super) struct Broken {
    pub(super) transport: Transport,
    pub(super) message: String,
}

/// Decodes a body into events; the last one is terminal, whatever the body does.
pub(super) fn drive(
    body: impl Stream<Item = Result<Bytes, Broken>>,
    mut decoder: Box<dyn Decoder>,
    limits: Limits,
) -> impl Stream<Item = Event> {
    stream! {
        let mut body = std::pin::pin!(body);
        let mut events = Vec::new();
        let mut has_part = false;
        let mut deadline = limits.start;
        let mut read = 0_usize;
        loop {
            let is_alive = match timeout_at(deadline, body.next()).await {
                Ok(Some(Ok(bytes))) => {
                    read = read.saturating_add(bytes.len());
                    if read > limits.max_bytes {
                        decoder.fail(&Failure::protocol("the answer is too long"), &mut events);
                        false
                    } else {
                        decoder.push(&bytes, &mut events)
                    }
                }
                Ok(Some(Err(broken))) => {
                    let cause = Cause::Transport(broken.transport);
                    decoder.fail(&Failure::of(cause, broken.message), &mut events);
                    false
                }
                Ok(None) => {
                    decoder.finish(&mut events);
                    false
                }
                Err(_) => {
                    let failure = if has_part { Failure::silent() } else { not_started() };
                    decoder.fail(&failure, &mut events);
                    false
                }
            };
            let mut is_ended = false;
            for event in events.drain(..) {
                has_part |= matches!(event, Event::PartStarted(_));
                is_ended |= matches!(event, Event::Finish(_) | Event::Error(_));
                yield event;
            }
            if is_ended {
                return;
            }
            if decoder.is_complete() {
                deadline = deadline.min(Instant::now() + LINGER);
            } else if has_part && is_alive {
                deadline = Instant::now() + limits.silence;
            }
        }
    }
}

/// No part came in time.
pub(super) fn not_started() -> Failure {
    Failure::of(Cause::StartTimeout, "no part of the answer came in time")
}

#[cfg(test)]
mod tests;
