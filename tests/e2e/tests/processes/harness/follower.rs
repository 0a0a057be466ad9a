//! A client that follows a chat from a message on, through every break of the stream.

use std::time::Duration;

use serde_json::Value;

use super::Api;
use super::deadline::{Deadline, LONG};
use super::events::Events;
use super::history::History;
use super::live::Live;

/// What a client has seen of a chat. Everything is checked as it comes.
#[derive(Debug)]
pub(crate) struct Follower {
    api: Api,
    chat: String,
    after: u64,
    /// How long each wait may take.
    limit: Duration,
    events: Option<Events>,
    live: Live,
    /// The committed messages, in order.
    pub(crate) messages: Vec<Value>,
    /// What the chat is doing, as last told.
    pub(crate) status: String,
    /// How many messages wait, each time that it was told.
    pub(crate) queue: Vec<usize>,
    /// How many live parts came.
    pub(crate) parts: usize,
    /// How often a call of the model was said to be made again.
    pub(crate) retries: usize,
}

impl Follower {
    /// Follows `chat` from the first message.
    pub(crate) fn new(api: &Api, chat: &str) -> Self {
        Self::after(api, chat, 0)
    }

    /// Follows `chat` from after the message `after`.
    pub(crate) fn after(api: &Api, chat: &str, after: u64) -> Self {
        Self {
            api: api.clone(),
            chat: chat.to_owned(),
            after,
            limit: LONG,
            events: None,
            live: Live::default(),
            messages: Vec::new(),
            status: String::new(),
            queue: Vec::new(),
            parts: 0,
            retries: 0,
        }
    }

    /// The same, for waits that take longer.
    pub(crate) fn within(mut self, limit: Duration) -> Self {
        self.limit = limit;
        self
    }

    /// Reads until `done`, and connects again wherever the stream breaks.
    ///
    /// # Panics
    /// That takes too long, or the turn fails.
    pub(crate) async fn until(&mut self, what: &str, done: impl Fn(&Self) -> bool) {
        let limit = self.limit;
        let reading = async {
            while !done(self) {
                self.read().await;
            }
        };
        let in_time = tokio::time::timeout(limit, reading).await.is_ok();
        assert!(in_time, "not within {limit:?}: {what}; last seen: {self:#?}");
    }

    /// Reads until so many messages are there.
    pub(crate) async fn until_messages(&mut self, count: usize) {
        self.until("all messages", |seen| seen.messages.len() >= count).await;
    }

    /// Reads until the chat has answered `turns` messages of the user and is idle, compares what
    /// was seen with the stored history, and returns that.
    pub(crate) async fn until_answered(&mut self, turns: usize) -> History {
        self.until("the last answer", |seen| seen.has_answered(turns)).await;
        self.until_idle().await
    }

    /// Waits until no turn runs, and returns the history, which is what was seen.
    pub(crate) async fn until_idle(&mut self) -> History {
        self.until("the chat waits", |seen| seen.status == "CHAT_STATUS_WAITING").await;
        let deadline = Deadline::after(self.limit);
        loop {
            let chat = self.api.chat(&self.chat).await;
            if chat["status"] == "CHAT_STATUS_WAITING" {
                break;
            }
            deadline.pause("the chat waits", &chat).await;
        }
        let history = History::read(&self.api, &self.chat).await;
        let stored = history.after(self.after);
        self.until_messages(stored.len()).await;
        assert_eq!(self.messages, stored, "what was streamed is what is stored");
        history
    }

    /// The text of the answer under way.
    pub(crate) fn live_text(&self) -> String {
        self.live.text()
    }

    fn has_answered(&self, turns: usize) -> bool {
        let asked = self.messages.iter().filter(|message| message["role"] == "ROLE_USER").count();
        let last = self.messages.last().map_or("", |last| last["finish_reason"].as_str().unwrap_or_default());
        asked >= turns && last == "FINISH_REASON_STOP"
    }

    async fn read(&mut self) {
        let Some(events) = &mut self.events else { return self.connect().await };
        match events.next().await {
            Some(event) => self.see(&event),
            None => self.events = None,
        }
    }

    async fn connect(&mut self) {
        let path = format!("/api/v1/chats/{}/stream?after_message_id={}", self.chat, self.held());
        self.live = Live::default();
        let deadline = Deadline::after(self.limit);
        while self.events.is_none() {
            self.events = self.api.try_follow(&path).await;
            if self.events.is_none() {
                deadline.pause("the stream opens", &path).await;
            }
        }
    }

    /// The highest message that is held.
    fn held(&self) -> u64 {
        self.after + self.messages.len() as u64
    }

    fn see(&mut self, event: &Value) {
        let fields: Vec<&String> =
            event.as_object().expect("an object").keys().filter(|key| *key != "chat_id").collect();
        let [field] = fields[..] else { panic!("an event is one thing: {event}") };
        assert_eq!(event["chat_id"], self.chat);
        let value = &event[field];
        match field.as_str() {
            "message_part" => {
                self.live.push(value);
                self.parts += 1;
            }
            "message" => self.see_message(value),
            "status" => value["status"].as_str().expect("a name").clone_into(&mut self.status),
            "queue_update" => self.queue.push(value["queued_messages"].as_array().map_or(0, Vec::len)),
            "retry" => {
                self.retries += 1;
                self.live = Live::default();
            }
            "preview_reset" => self.live = Live::default(),
            _ => panic!("not expected here: {event}"),
        }
    }

    fn see_message(&mut self, message: &Value) {
        assert_eq!(message["id"], self.held() + 1, "messages come in order, each once: {message}");
        if message["role"] == "ROLE_ASSISTANT" {
            self.live.check(message);
            self.live = Live::default();
        }
        self.messages.push(message.clone());
    }
}
