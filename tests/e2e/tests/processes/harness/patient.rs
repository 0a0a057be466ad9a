//! A client that tries until it succeeds, as programs do that must not lose anything.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use chatmesh_core::{IdSource as _, SystemIds};
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep, timeout};

use super::api::{Api, text};

/// How long one attempt may take.
const ATTEMPT: Duration = Duration::from_secs(10);
/// How long a request is tried.
const PATIENCE: Duration = Duration::from_secs(90);
const PAUSE: Duration = Duration::from_millis(150);
/// An attempt that its client gives up takes at most this.
const IMPATIENCE_MS: u64 = 60;

/// What happened to requests, by what it is called.
#[derive(Debug, Clone, Default)]
pub(crate) struct Tally(Arc<Mutex<BTreeMap<String, usize>>>);

impl Tally {
    fn count(&self, what: impl Into<String>) {
        *self.0.lock().expect("not poisoned").entry(what.into()).or_default() += 1;
    }

    /// How often something happened.
    pub(crate) fn of(&self, what: &str) -> usize {
        self.0.lock().expect("not poisoned").get(what).copied().unwrap_or_default()
    }

    /// All counts, as one line.
    pub(crate) fn line(&self) -> String {
        let counts = self.0.lock().expect("not poisoned");
        counts.iter().map(|(what, count)| format!("{what}: {count}")).collect::<Vec<_>>().join(", ")
    }
}

/// A patient client. Every write carries an identifier by which its repetitions are known.
#[derive(Debug)]
pub(crate) struct Patient {
    api: Api,
    random: StdRng,
    tally: Tally,
}

impl Patient {
    pub(crate) fn new(api: &Api, seed: u64, tally: &Tally) -> Self {
        Self { api: api.clone(), random: StdRng::seed_from_u64(seed), tally: tally.clone() }
    }

    /// Creates a chat and returns its identifier.
    pub(crate) async fn create_chat(&mut self, model: &str, workspace: &str, first: &str) -> String {
        let body = json!({"content": [{"text": first}], "model": model, "workspace_id": workspace});
        text(&self.write("/api/v1/chats", body).await, "id")
    }

    /// Sends a message, to be queued where the chat is busy.
    pub(crate) async fn say(&mut self, chat: &str, said: &str) {
        let body = json!({"content": [{"text": said}], "busy_behavior": "BUSY_BEHAVIOR_QUEUE"});
        self.write(&format!("/api/v1/chats/{chat}/messages"), body).await;
    }

    pub(crate) async fn chat(&mut self, chat: &str) -> Value {
        self.insist(Method::GET, &format!("/api/v1/chats/{chat}"), None).await
    }

    /// Waits until no turn runs.
    ///
    /// # Panics
    /// The turn fails, or nothing comes of it.
    pub(crate) async fn until_idle(&mut self, chat: &str, limit: Duration) {
        let deadline = Instant::now() + limit;
        loop {
            let seen = self.chat(chat).await;
            match seen["status"].as_str() {
                Some("CHAT_STATUS_WAITING") => return,
                Some("CHAT_STATUS_RUNNING") if Instant::now() < deadline => sleep(2 * PAUSE).await,
                _ => panic!("the chat does not come to rest: {seen:#}"),
            }
        }
    }

    /// Makes a request that changes something. Some are given up in the middle and made again, and
    /// some are made once more after they succeeded: neither must be seen in the outcome.
    async fn write(&mut self, path: &str, mut body: Value) -> Value {
        body["request_id"] = json!(SystemIds.next().to_string());
        self.tally.count("writes");
        if self.random.random_ratio(1, 3) {
            let impatience = Duration::from_millis(self.random.random_range(1..IMPATIENCE_MS));
            let request = self.api.send(Method::POST, path, Some(body.clone()));
            if timeout(impatience, request).await.is_err() {
                self.tally.count("given up and made again");
            }
        }
        let answer = self.insist(Method::POST, path, Some(body.clone())).await;
        if self.random.random_ratio(1, 4) {
            self.tally.count("made again after success");
            self.insist(Method::POST, path, Some(body)).await;
        }
        answer
    }

    async fn insist(&self, method: Method, path: &str, body: Option<Value>) -> Value {
        let begun = Instant::now();
        let kind = if method == Method::GET { "reads" } else { "writes" };
        loop {
            let failure = match timeout(ATTEMPT, self.attempt(&method, path, body.clone())).await {
                Ok(Ok(answer)) => return answer,
                Ok(Err(failure)) => failure,
                Err(_) => "no answer in time".to_owned(),
            };
            assert!(begun.elapsed() < PATIENCE, "{method} {path} fails for {PATIENCE:?}: {failure}");
            self.tally.count(format!("{kind} that failed ({failure})"));
            sleep(PAUSE).await;
        }
    }

    /// One attempt; the error is one after which it is right to try again.
    async fn attempt(&self, method: &Method, path: &str, body: Option<Value>) -> Result<Value, String> {
        let broken = |_: reqwest::Error| "connection lost".to_owned();
        let response = self.api.send(method.clone(), path, body).await.map_err(broken)?;
        let status = response.status();
        let answer = response.text().await.map_err(broken)?;
        if status.is_success() {
            return Ok(serde_json::from_str(&answer).expect("JSON"));
        }
        assert!(status.is_server_error(), "{method} {path}: {status} {answer}");
        Err(status.as_u16().to_string())
    }
}
