//! Answers in the client's protocol what a provider says in another.

use std::collections::VecDeque;
use std::pin::pin;

use async_stream::stream;
use bytes::BytesMut;
use chatmesh_proto::common::v1::GenerationError;
use chatmesh_proto::llm::v1::{ForwardResponse, GenerateResponse};
use futures::{FutureExt as _, Stream, StreamExt as _};
use http::StatusCode;
use tokio::time::{sleep, timeout};

use super::answer::{self, Pieces, chunk, request_ids, stream_head};
use super::headers::{header, is_retry};
use super::retry::Retries;
use super::{ALIVE, Job};
use crate::client::Target;
use crate::codec::Event;
use crate::compat::Asked;

/// How many events are written at once at most.
const BATCH: usize = 64;

/// Answers a call of a model.
pub(super) async fn answer(job: Job, target: Target) -> Pieces {
    let mut asked = match job.dialect.parse(&job.request.body) {
        Ok(asked) => asked,
        Err(bad) => return job.bad(&bad),
    };
    asked.echo.id = job.request_id().replace('-', "");
    asked.echo.created = job.state.clock.now().timestamp();
    if asked.stream {
        return Box::pin(streamed(job, target, asked));
    }
    answer::only(whole(&job, &target, asked).await)
}

fn call(job: &Job, target: &Target, asked: &Asked) -> impl Stream<Item = GenerateResponse> + Send + use<> {
    job.state.client.generate(target.clone(), asked.request.clone())
}

async fn whole(job: &Job, target: &Target, asked: Asked) -> ForwardResponse {
    let mut retries = Retries::new(is_retry(&job.request.headers));
    loop {
        let events: Vec<Event> = call(job, target, &asked).filter_map(async |response| response.event).collect().await;
        let error = match job.dialect.whole(asked.echo.clone(), events.into_iter()) {
            Ok(body) => {
                let mut headers = vec![header("content-type", "application/json")];
                headers.extend(request_ids(job.request_id()));
                return answer::whole(StatusCode::OK, headers, body);
            }
            Err(error) => error,
        };
        match retries.next(&error) {
            Some(pause) => sleep(pause).await,
            None => return answer::error(job.dialect.error(&error, job.request_id())),
        }
    }
}

/// What a call comes to before the client sees anything of it.
enum Beginning {
    /// The events so far; more follow.
    Events(VecDeque<Event>),
    Failed(GenerationError),
}

/// Reads on until there is something to show.
async fn beginning(
    events: &mut (impl Stream<Item = GenerateResponse> + Unpin),
    held: &mut VecDeque<Event>,
) -> Beginning {
    while let Some(response) = events.next().await {
        match response.event {
            Some(Event::Error(error)) => return Beginning::Failed(error),
            Some(event) => {
                let shows = matches!(event, Event::PartStarted(_) | Event::Finish(_));
                held.push_back(event);
                if shows {
                    break;
                }
            }
            None => {}
        }
    }
    Beginning::Events(std::mem::take(held))
}

fn streamed(
    job: Job,
    target: Target,
    asked: Asked,
) -> impl Stream<Item = Result<ForwardResponse, tonic::Status>> + Send {
    stream! {
        let mut out = BytesMut::new();
        let mut is_open = false;
        let mut retries = Retries::new(is_retry(&job.request.headers));
        let mut writer = job.dialect.streamer(asked.echo.clone());
        loop {
            let mut events = pin!(call(&job, &target, &asked));
            let mut held = VecDeque::new();
            let begun = loop {
                match timeout(ALIVE, beginning(&mut events, &mut held)).await {
                    Ok(begun) => break begun,
                    Err(_) => {
                        if !std::mem::replace(&mut is_open, true) {
                            yield Ok(stream_head(Vec::new(), job.request_id()));
                        }
                        writer.alive(&mut out);
                        yield Ok(chunk(out.split().freeze()));
                    }
                }
            };
            let first = match begun {
                Beginning::Events(first) => first,
                Beginning::Failed(error) => {
                    if let Some(pause) = retries.next(&error) {
                        sleep(pause).await;
                        continue;
                    }
                    if !is_open {
                        yield Ok(answer::error(job.dialect.error(&error, job.request_id())));
                        return;
                    }
                    VecDeque::from([Event::Error(error)])
                }
            };
            if !is_open {
                yield Ok(stream_head(Vec::new(), job.request_id()));
            }
            for event in first {
                writer.push(event, &mut out);
            }
            loop {
                // What is there already goes out together.
                let mut is_over = false;
                for _ in 0..BATCH {
                    match events.next().now_or_never() {
                        Some(Some(response)) => {
                            if let Some(event) = response.event {
                                writer.push(event, &mut out);
                            }
                        }
                        Some(None) => {
                            is_over = true;
                            break;
                        }
                        None => break,
                    }
                }
                if !out.is_empty() {
                    yield Ok(chunk(out.split().freeze()));
                }
                if is_over {
                    return;
                }
                match timeout(ALIVE, events.next()).await {
                    Ok(Some(response)) => {
                        if let Some(event) = response.event {
                            writer.push(event, &mut out);
                        }
                    }
                    Ok(None) => return,
                    Err(_) => writer.alive(&mut out),
                }
            }
        }
    }
}
