//! Server-sent events, as a client reads them.

use std::collections::VecDeque;
use std::time::Duration;

use reqwest::Response;
use serde_json::Value;

/// Longer than the pauses between the comments that keep a stream alive.
const SILENCE: Duration = Duration::from_secs(45);

/// An open stream.
#[derive(Debug)]
pub(crate) struct Events {
    response: Response,
    buffer: Vec<u8>,
    waiting: VecDeque<Value>,
}

impl Events {
    pub(crate) fn new(response: Response) -> Self {
        Self { response, buffer: Vec::new(), waiting: VecDeque::new() }
    }

    /// The next event; `None` where the stream has broken or ended.
    ///
    /// # Panics
    /// Nothing comes, not even a sign of life; or it holds what no client may see.
    pub(crate) async fn next(&mut self) -> Option<Value> {
        loop {
            if let Some(event) = self.waiting.pop_front() {
                return Some(event);
            }
            let chunk = tokio::time::timeout(SILENCE, self.response.chunk()).await.expect("a sign of life");
            self.buffer.extend_from_slice(&chunk.ok()??);
            while let Some(end) = self.buffer.windows(2).position(|pair| pair == b"\n\n") {
                let frame: Vec<u8> = self.buffer.drain(..end + 2).collect();
                if !self.read(&String::from_utf8(frame).expect("events are UTF-8")) {
                    return None;
                }
            }
        }
    }

    /// Reads one event. Returns false where it is the last one, which says why the stream ends.
    fn read(&mut self, frame: &str) -> bool {
        if frame.lines().any(|line| line == "event: error") {
            return false;
        }
        let data: Vec<&str> = frame.lines().filter_map(|line| line.strip_prefix("data: ")).collect();
        if !data.is_empty() {
            let data = data.join("\n");
            assert!(!data.contains("provider_metadata"), "internal to the mesh: {data}");
            self.waiting.push_back(serde_json::from_str(&data).expect("events are JSON"));
        }
        true
    }
}
