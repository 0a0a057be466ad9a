//! Following a chat until its turn ends, at the terminal.

use std::time::Duration;

use anyhow::{Context as _, bail};
use chatmesh_core::Backoff;
use chatmesh_llm::sse::{Item, Parser};
use serde_json::Value;

use super::Client;
use crate::terminal;

/// How often a stream that broke is opened again without anything new.
const MAX_FAILURES: u32 = 10;
/// The most characters of arguments or results that are shown.
const SHOWN: usize = 200;

/// How a turn ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TurnEnd {
    /// Well.
    Waiting,
    /// With an error, which was shown.
    Error,
}

/// Follows one chat.
pub(crate) struct Follower {
    client: Client,
    chat: String,
    /// The highest message without a gap.
    seen: u64,
    json: bool,
    tool_calls: Vec<String>,
    /// What of the step under way was shown live, so that the committed message is not shown again.
    shown: Shown,
    done: Option<TurnEnd>,
}

#[derive(Default)]
struct Shown {
    text: bool,
    calls: Vec<String>,
    results: Vec<String>,
    open_line: bool,
}

impl Follower {
    /// Follows `chat` from after the message `after`.
    pub(crate) fn new(client: Client, chat: &str, after: u64, json: bool) -> Self {
        Self {
            client,
            chat: chat.to_owned(),
            seen: after,
            json,
            tool_calls: Vec::new(),
            shown: Shown::default(),
            done: None,
        }
    }

    /// The names of the tools that were called, in order.
    pub(crate) fn tool_calls(&self) -> &[String] {
        &self.tool_calls
    }

    /// The highest message that was shown.
    pub(crate) fn seen(&self) -> u64 {
        self.seen
    }

    /// Shows what happens until the turn ends. A stream that breaks is opened again where it broke.
    pub(crate) async fn follow(&mut self) -> anyhow::Result<TurnEnd> {
        let mut backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(5));
        let mut failures = 0;
        loop {
            let before = self.seen;
            match self.read_stream().await {
                Ok(Some(end)) => return Ok(end),
                Ok(None) => {}
                Err(error) if failures + 1 >= MAX_FAILURES => return Err(error.context("the stream broke too often")),
                Err(_) => {}
            }
            failures = if self.seen > before { 0 } else { failures + 1 };
            if failures >= MAX_FAILURES {
                bail!("the stream broke too often");
            }
            tokio::time::sleep(backoff.next_pause()).await;
        }
    }

    async fn read_stream(&mut self) -> anyhow::Result<Option<TurnEnd>> {
        let path = format!("/api/v1/chats/{}/stream?after_message_id={}", self.chat, self.seen);
        let mut response = self.client.stream(&path).await?;
        self.shown = Shown::default();
        let mut parser = Parser::new();
        let mut events = Vec::new();
        while let Some(bytes) = response.chunk().await.context("the stream broke")? {
            parser.push(&bytes, |item| {
                if let Item::Event { name, data } = item {
                    events.push((name.to_owned(), data.to_owned()));
                }
            })?;
            for (name, data) in events.drain(..) {
                if name == "error" {
                    return Ok(None);
                }
                self.event(&serde_json::from_str(&data)?, &data);
                if let Some(end) = self.done.take() {
                    self.end_line();
                    return Ok(Some(end));
                }
            }
        }
        Ok(None)
    }

    fn event(&mut self, event: &Value, raw: &str) {
        if self.json {
            terminal::line(raw);
        }
        if let Some(part) = event.get("message_part") {
            self.part(part);
        } else if let Some(message) = event.get("message") {
            self.message(message);
        } else if let Some(status) = event.get("status") {
            match status["status"].as_str() {
                Some("CHAT_STATUS_WAITING") => self.done = Some(TurnEnd::Waiting),
                Some("CHAT_STATUS_ERROR") => {}
                _ => {}
            }
        } else if let Some(error) = event.get("error") {
            self.say(&format!("error: {}", error["message"].as_str().unwrap_or_default()));
            self.done = Some(TurnEnd::Error);
        } else if let Some(retry) = event.get("retry") {
            let pause = retry["delay_ms"].as_f64().unwrap_or_default() / 1000.0;
            self.say(&format!("{} Trying again in {pause:.0} s.", retry["error"].as_str().unwrap_or_default()));
            self.shown = Shown::default();
        } else if event.get("preview_reset").is_some() {
            self.end_line();
            self.shown = Shown::default();
        }
    }

    fn part(&mut self, live: &Value) {
        let part = &live["part"];
        if let Some(text) = part["text"].as_str() {
            if !self.json {
                terminal::piece(text);
            }
            self.shown.text = true;
            self.shown.open_line = !text.ends_with('\n');
        } else if part["tool_call"]["args"].is_string() {
            self.call(&part["tool_call"]);
        } else if part["tool_result"].is_object() {
            self.result(&part["tool_result"]);
        }
    }

    /// A committed message: what was not shown live is shown now.
    fn message(&mut self, message: &Value) {
        self.seen = self.seen.max(message["id"].as_u64().unwrap_or_default());
        for part in message["content"].as_array().into_iter().flatten() {
            if let Some(text) = part["text"].as_str() {
                if message["role"] == "ROLE_ASSISTANT" && !self.shown.text {
                    self.say(text);
                }
            } else if part["tool_call"].is_object() {
                self.call(&part["tool_call"]);
            } else if part["tool_result"].is_object() {
                self.result(&part["tool_result"]);
            }
        }
        if message["role"] == "ROLE_ASSISTANT" {
            self.end_line();
            self.shown.text = false;
        }
    }

    fn call(&mut self, call: &Value) {
        let id = call["call_id"].as_str().unwrap_or_default().to_owned();
        if self.shown.calls.contains(&id) {
            return;
        }
        let name = call["name"].as_str().unwrap_or_default();
        let args = call["args"].as_str().unwrap_or_default();
        self.say(&format!("→ {name} {}", shorten(args)));
        self.tool_calls.push(name.to_owned());
        self.shown.calls.push(id);
    }

    fn result(&mut self, result: &Value) {
        let id = result["call_id"].as_str().unwrap_or_default().to_owned();
        if self.shown.results.contains(&id) {
            return;
        }
        let mark = if result["is_error"] == true { "✗" } else { "←" };
        let name = result["name"].as_str().unwrap_or_default();
        let text = result["result"].as_str().unwrap_or_default();
        self.say(&terminal::dim(&format!("{mark} {name} {}", shorten(text))));
        self.shown.results.push(id);
    }

    fn say(&mut self, text: &str) {
        self.end_line();
        if !self.json {
            terminal::line(text);
        }
    }

    fn end_line(&mut self) {
        if std::mem::take(&mut self.shown.open_line) && !self.json {
            terminal::line("");
        }
    }
}

fn shorten(text: &str) -> String {
    let mut line: String = text.chars().take(SHOWN).collect();
    if line.len() < text.len() {
        line.push('…');
    }
    line
}
