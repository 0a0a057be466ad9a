//! Those who read answers, and note how old each piece is when it comes.

use std::time::{Duration, Instant};

use anyhow::Context as _;
use futures::{StreamExt as _, TryStreamExt as _, stream};
use serde_json::json;
use tokio::task::JoinSet;

use super::provider::{Clock, MODEL, Provider, QUESTION};
use crate::api::Api;
use crate::deadline::LONG;
use crate::sse::Events;

/// How many connections are opened at a time.
const AT_ONCE: usize = 16;

/// What readers heard.
#[derive(Debug, Default)]
pub(super) struct Heard {
    /// How old each piece was, for each reader.
    pub(super) delays: Vec<Duration>,
    /// Why a reader did not hear everything.
    pub(super) error: Option<String>,
}

/// Which events are pieces of an answer, and which is the last.
#[derive(Debug, Clone, Copy)]
struct Marks {
    piece: &'static str,
    end: &'static str,
}

/// A committed message has all pieces once more, and is none.
const OF_CHAT: Marks = Marks { piece: "\"message_part\"", end: "CHAT_STATUS_WAITING" };
const OF_PROVIDER: Marks = Marks { piece: "text_delta", end: "message_stop" };

/// Readers of the provider itself.
pub(super) async fn direct(provider: &Provider, count: usize) -> anyhow::Result<Heard> {
    let http = reqwest::Client::builder().tcp_nodelay(true).build()?;
    let body = json!({"messages": [{"role": "user", "content": QUESTION}]});
    let url = format!("{}/v1/messages", provider.base_url());
    let opened = stream::iter(0..count).map(|_| async {
        Ok::<_, reqwest::Error>(Events::new(http.post(&url).json(&body).send().await?.error_for_status()?))
    });
    let opened: Vec<Events> = opened.buffer_unordered(AT_ONCE).try_collect().await?;
    Ok(all(opened, OF_PROVIDER, provider).await)
}

/// Subscribers of a chat that asks its question when all of them are there.
pub(super) async fn subscribed(api: &Api, provider: &Provider, count: usize) -> anyhow::Result<Heard> {
    let chat = api.create_chat(MODEL, "Hello.", None).await?;
    let mut events = api.follow(&chat).await?;
    tokio::time::timeout(LONG, api.turn_ends(&mut events)).await.context("the first turn does not end")??;
    drop(events);
    let opened = stream::iter(0..count).map(|_| async {
        let mut events = api.follow(&chat).await?;
        // What there was before is told first.
        events.until(OF_CHAT.end).await?;
        anyhow::Ok(events)
    });
    let opened: Vec<Events> = opened.buffer_unordered(AT_ONCE).try_collect().await?;
    let question = json!({"content": [{"text": QUESTION}]});
    let path = format!("/api/v1/chats/{chat}/messages");
    let reading = all(opened, OF_CHAT, provider);
    let (heard, sent) = tokio::join!(reading, api.post(&path, &question));
    sent?;
    Ok(heard)
}

async fn all(opened: Vec<Events>, marks: Marks, provider: &Provider) -> Heard {
    let deadline = tokio::time::Instant::now() + provider.length() + LONG;
    let clock = provider.clock();
    let mut readers = JoinSet::new();
    for events in opened {
        readers.spawn(async move {
            let mut delays = Vec::new();
            let reading = read(events, marks, clock, &mut delays);
            let ended = tokio::time::timeout_at(deadline, reading).await;
            (delays, ended.unwrap_or_else(|_| Err(anyhow::anyhow!("no end in time"))))
        });
    }
    let mut heard = Heard::default();
    while let Some(reader) = readers.join_next().await {
        match reader {
            Ok((delays, ended)) => {
                heard.delays.extend(delays);
                heard.error = heard.error.or_else(|| ended.err().map(|error| format!("{error:#}")));
            }
            Err(error) => heard.error = Some(error.to_string()),
        }
    }
    heard
}

async fn read(mut events: Events, marks: Marks, clock: Clock, delays: &mut Vec<Duration>) -> anyhow::Result<()> {
    loop {
        let event = events.next().await?.context("the stream ended early")?;
        let arrived: Instant = event.arrived;
        if event.data.contains(marks.piece) {
            delays.extend(clock.delays(&event.data, arrived));
        } else if event.data.contains(marks.end) {
            return Ok(());
        }
    }
}
