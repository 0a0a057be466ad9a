//! The stream of a provider that passes to a client that speaks the same protocol.

use std::pin::pin;

use async_stream::stream;
use bytes::BytesMut;
use chatmesh_proto::llm::v1::{ForwardResponse, PartStarted};
use chatmesh_rpc::into_status;
use futures::{Stream, StreamExt as _};
use tokio::time::{Instant, sleep, timeout};

use super::answer::{chunk, stream_head};
use super::native::Call;
use super::tap::Tap;
use super::{ALIVE, translated};
use crate::classify::{Cause, Failure};
use crate::codec::Event;
use crate::spend::account::Account;

/// What comes next, or nothing for so long that the client is shown a sign of life.
enum Next<T> {
    Came(T),
    Silence,
}

async fn next<T>(coming: impl Future<Output = T>) -> Next<T> {
    timeout(ALIVE, coming).await.map_or(Next::Silence, Next::Came)
}

/// Why a stream ended before its answer did.
enum Broken {
    /// The provider has told the client.
    Told,
    /// The client must be told.
    Untold(Failure),
}

/// Passes a stream on. `hides_usage` where the client did not ask for the usage that the provider was asked for.
pub(super) fn streamed(
    call: Call,
    mut account: Account,
    hides_usage: bool,
) -> impl Stream<Item = Result<ForwardResponse, tonic::Status>> + Send {
    stream! {
        let mut out = BytesMut::new();
        let mut is_open = false;
        let mut retries = call.retries();
        let (passed, mut veil) = 'sent: loop {
            let refused = {
                let mut sending = pin!(call.send(&mut account));
                loop {
                    match next(&mut sending).await {
                        Next::Came(Ok(sent)) => break 'sent sent,
                        Next::Came(Err(refused)) => break refused,
                        Next::Silence => {
                            if !std::mem::replace(&mut is_open, true) {
                                yield Ok(stream_head(Vec::new(), call.job.request_id()));
                            }
                            call.writer().alive(&mut out);
                            yield Ok(chunk(out.split().freeze()));
                        }
                    }
                }
            };
            if let Some(pause) = call.pause(&mut retries, &refused.error) {
                sleep(pause).await;
                continue;
            }
            account.failed(&refused.error).await;
            if is_open {
                call.writer().push(Event::Error(refused.error), &mut out);
                yield Ok(chunk(out.split().freeze()));
            } else if let Some(plan) = call.fallbacks(&refused.error) {
                match translated::answer(call.job, plan).await {
                    Ok(mut pieces) => {
                        while let Some(piece) = pieces.next().await {
                            yield piece;
                        }
                    }
                    Err(error) => yield Err(into_status(&error)),
                }
            } else {
                yield Ok(call.refusal(refused));
            }
            return;
        };
        // A provider that does not stream though it was asked to is passed on as it is.
        if passed.is_document() {
            let answer = match call.document(passed, &veil, &mut account).await {
                Ok(answer) => answer,
                Err(refused) => {
                    account.failed(&refused.error).await;
                    if is_open {
                        call.writer().push(Event::Error(refused.error), &mut out);
                        yield Ok(chunk(out.split().freeze()));
                    } else {
                        yield Ok(call.refusal(refused));
                    }
                    return;
                }
            };
            if is_open {
                call.as_stream(&answer.chunk, &mut out);
                yield Ok(chunk(out.split().freeze()));
            } else {
                yield Ok(answer);
            }
            return;
        }
        if !is_open {
            yield Ok(stream_head(veil.headers(&passed.headers), call.job.request_id()));
        }
        let mut tap = Tap::new(call.job.dialect, hides_usage);
        let silence = passed.silence();
        let mut body = passed.into_stream();
        let mut heard_at = Instant::now();
        account.hear(&Event::PartStarted(PartStarted::default()));
        let mut broken = loop {
            match next(body.next()).await {
                Next::Came(Some(Ok(bytes))) => {
                    heard_at = Instant::now();
                    let passed = veil.stream(tap.stream(bytes));
                    account.see(tap.usage(), tap.output_tokens());
                    if !passed.is_empty() {
                        yield Ok(chunk(passed));
                    }
                }
                Next::Came(Some(Err(failure))) => break Some(Broken::Untold(failure)),
                Next::Came(None) => break None,
                Next::Silence if heard_at.elapsed() >= silence => break Some(Broken::Untold(Failure::silent())),
                Next::Silence if tap.is_between_frames() => {
                    call.writer().alive(&mut out);
                    yield Ok(chunk(out.split().freeze()));
                }
                Next::Silence => {}
            }
        };
        for rest in [veil.stream(tap.end()), veil.end()] {
            if !rest.is_empty() {
                yield Ok(chunk(rest));
            }
        }
        if veil.saw_error() {
            broken = Some(Broken::Told);
        } else if broken.is_none() && !tap.has_ended() {
            broken = Some(Broken::Untold(Failure::incomplete()));
        }
        match broken {
            None => account.finished(&tap.finish()).await,
            Some(Broken::Told) => {
                let failure = Failure::of(Cause::Provider, "the provider broke the answer off");
                account.failed(&call.classified(&failure)).await;
            }
            Some(Broken::Untold(failure)) => {
                let error = call.classified(&failure);
                account.failed(&error).await;
                if !tap.was_between_frames() {
                    // What is half said must not swallow the error.
                    out.extend_from_slice(b"\n\n");
                }
                call.writer().push(Event::Error(error), &mut out);
                yield Ok(chunk(out.split().freeze()));
            }
        }
    }
}
