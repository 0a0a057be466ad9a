//! What the simulator received, and how long it took over it.

mod stats;
mod ticket;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use anyhow::anyhow;
use http::HeaderMap;
use parking_lot::Mutex;
use serde::Serialize;
use serde_json::Value;
pub use stats::Stats;
pub(super) use ticket::Ticket;
use tokio::sync::watch;

/// How long [`Journal::wait_until`] waits.
const WAIT_TIMEOUT: Duration = Duration::from_secs(30);

/// Headers that hold secrets; the journal keeps their names only.
const SECRET_HEADERS: [&str; 5] = ["authorization", "x-api-key", "api-key", "cookie", "proxy-authorization"];

/// How a request ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The response is not complete yet.
    InFlight,
    /// The response was sent to its end, which may be a scripted, early one.
    Completed,
    /// The script broke the response off.
    Broken,
    /// The client went away, or the simulator stopped.
    Abandoned,
}

/// One request to a provider's endpoint.
#[derive(Debug, Clone, Serialize)]
pub struct ReceivedRequest {
    /// The number of requests before this one.
    pub sequence: u64,
    /// The HTTP method.
    pub method: String,
    /// The path and query.
    pub path: String,
    /// The HTTP version, such as `HTTP/2.0`.
    pub http_version: String,
    /// The headers; secret ones have the value `[redacted]`.
    pub headers: BTreeMap<String, String>,
    /// The body; `null` where it is no JSON.
    pub body: Value,
    /// The status of the response, once it is decided.
    pub status: Option<u16>,
    /// How the request ended.
    pub outcome: Outcome,
    /// The time that the simulator itself took, with scripted delays and without waiting
    /// for the client to read or write.
    pub simulator_time: Duration,
    /// The time from the whole request to the end of the response.
    pub wall_time: Duration,
}

/// The requests received so far.
#[derive(Debug, Clone)]
pub struct Journal {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    limit: usize,
    state: Mutex<State>,
    changes: watch::Sender<u64>,
}

#[derive(Debug, Default)]
struct State {
    received: VecDeque<ReceivedRequest>,
    stats: Stats,
}

impl Journal {
    pub(super) fn new(limit: usize) -> Self {
        let (changes, _) = watch::channel(0);
        let state = Mutex::default();
        Self { inner: Arc::new(Inner { limit, state, changes }) }
    }

    /// The requests to providers' endpoints, oldest first.
    pub fn requests(&self) -> Vec<ReceivedRequest> {
        self.inner.state.lock().received.iter().cloned().collect()
    }

    /// The sums over all requests.
    pub fn stats(&self) -> Stats {
        self.inner.state.lock().stats.clone()
    }

    /// Forgets all requests and sums.
    pub fn clear(&self) {
        *self.inner.state.lock() = State::default();
        self.inner.changed();
    }

    /// Waits until the requests satisfy `enough`, and returns them.
    ///
    /// Fails after half a minute, with what was received.
    pub async fn wait_until(
        &self,
        enough: impl Fn(&[ReceivedRequest]) -> bool,
    ) -> anyhow::Result<Vec<ReceivedRequest>> {
        let mut changes = self.inner.changes.subscribe();
        let found = tokio::time::timeout(WAIT_TIMEOUT, async {
            loop {
                changes.borrow_and_update();
                let requests = self.requests();
                // The sender lives as long as the journal, so only a change ends the wait.
                if enough(&requests) || changes.changed().await.is_err() {
                    return requests;
                }
            }
        });
        found.await.map_err(|_| anyhow!("not received in time; so far: {:#?}", self.requests()))
    }

    /// Opens the entry of a request.
    pub(super) fn open(&self, head: &http::request::Parts, body: &[u8]) -> Ticket {
        let mut state = self.inner.state.lock();
        let sequence = state.stats.requests;
        state.stats.requests += 1;
        state.stats.in_flight += 1;
        state.received.push_back(ReceivedRequest {
            sequence,
            method: head.method.to_string(),
            path: head.uri.path_and_query().map_or_else(String::new, ToString::to_string),
            http_version: format!("{:?}", head.version),
            headers: without_secrets(&head.headers),
            body: serde_json::from_slice(body).unwrap_or(Value::Null),
            status: None,
            outcome: Outcome::InFlight,
            simulator_time: Duration::ZERO,
            wall_time: Duration::ZERO,
        });
        if state.received.len() > self.inner.limit {
            state.received.pop_front();
        }
        drop(state);
        self.inner.changed();
        Ticket::new(Arc::clone(&self.inner), sequence)
    }
}

impl Inner {
    fn changed(&self) {
        self.changes.send_modify(|version| *version += 1);
    }
}

fn without_secrets(headers: &HeaderMap) -> BTreeMap<String, String> {
    let shown = |name: &str, value: &http::HeaderValue| {
        if SECRET_HEADERS.contains(&name) {
            "[redacted]".to_owned()
        } else {
            String::from_utf8_lossy(value.as_bytes()).into_owned()
        }
    };
    headers.iter().map(|(name, value)| (name.to_string(), shown(name.as_str(), value))).collect()
}
