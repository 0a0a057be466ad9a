//! Answers in the client's protocol what a provider says in another.

use std::collections::VecDeque;
use std::sync::Arc;

use async_stream::stream;
use bytes::BytesMut;
use chatmesh_proto::common::v1::GenerationError;
use chatmesh_proto::llm::v1::ForwardResponse;
use chatmesh_rpc::into_status;
use futures::{FutureExt as _, Stream, StreamExt as _};
use http::StatusCode;
use tokio::time::{sleep, timeout};

use super::answer::{self, Pieces, chunk, request_ids, stream_head};
use super::headers::{header, is_retry};
use super::retry::Retries;
use super::{ALIVE, Job, SOURCE};
use crate::Error;
use crate::api::{Events, begin};
use crate::codec::Event;
use crate::compat::Asked;
use crate::route::Candidate;

/// How many events are written at once at most.
const BATCH: usize = 64;

/// Answers a call of a model.
pub(super) async fn answer(job: Job, plan: Plan) -> Result<Pieces, Error> {
    let mut asked = match job.dialect.parse(&job.request.body) {
        Ok(asked) => asked,
        Err(bad) => return Ok(job.bad(&bad)),
    };
    asked.echo.id = job.request_id().replace('-', "");
    asked.echo.created = job.state.clock.now().timestamp();
    if asked.stream {
        return Ok(Box::pin(streamed(job, plan, asked)));
    }
    Ok(answer::only(whole(&job, &plan, asked).await?))
}

type Plan = Arc<[Arc<Candidate>]>;

/// Makes the call once. It is the caller's, with the caller's keys and limits.
async fn call(job: &Job, plan: &Plan, asked: &Asked) -> Result<Events, Error> {
    begin(&job.state, Some(job.user), SOURCE.to_owned(), Arc::clone(plan), asked.request.clone()).await
}

async fn whole(job: &Job, plan: &Plan, asked: Asked) -> Result<ForwardResponse, Error> {
    let mut retries = Retries::new(is_retry(&job.request.headers));
    loop {
        let events = call(job, plan, &asked).await?;
        let events: Vec<Event> = events.filter_map(async |response| response.ok()?.event).collect().await;
        let error = match job.dialect.whole(asked.echo.clone(), events.into_iter()) {
            Ok(body) => {
                let mut headers = vec![header("content-type", "application/json")];
                headers.extend(request_ids(job.request_id()));
                return Ok(answer::whole(StatusCode::OK, headers, body));
            }
            Err(error) => error,
        };
        match retries.next(&error) {
            Some(pause) => sleep(pause).await,
            None => return Ok(answer::error(job.dialect.error(&error, job.request_id()))),
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
async fn beginning(events: &mut Events, held: &mut VecDeque<Event>) -> Beginning {
    while let Some(response) = events.next().await {
        match response.ok().and_then(|response| response.event) {
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

fn streamed(job: Job, plan: Plan, asked: Asked) -> impl Stream<Item = Result<ForwardResponse, tonic::Status>> + Send {
    stream! {
        let mut out = BytesMut::new();
        let mut is_open = false;
        let mut retries = Retries::new(is_retry(&job.request.headers));
        let mut writer = job.dialect.streamer(asked.echo.clone());
        loop {
            let mut events = match call(&job, &plan, &asked).await {
                Ok(events) => events,
                Err(error) => {
                    yield Err(into_status(&error));
                    return;
                }
            };
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
                            if let Some(event) = response.ok().and_then(|response| response.event) {
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
                        if let Some(event) = response.ok().and_then(|response| response.event) {
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
