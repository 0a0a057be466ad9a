//! Server-sent events as they arrive.

use std::time::Instant;

use anyhow::Context as _;

const END: &[u8] = b"\n\n";

/// The events of one response.
#[derive(Debug)]
pub(crate) struct Events {
    response: reqwest::Response,
    unread: Vec<u8>,
    arrived: Instant,
}

/// One event.
#[derive(Debug)]
pub(crate) struct Event {
    /// Its data.
    pub(crate) data: String,
    /// When the last of its bytes came.
    pub(crate) arrived: Instant,
}

impl Events {
    pub(crate) fn new(response: reqwest::Response) -> Self {
        Self { response, unread: Vec::new(), arrived: Instant::now() }
    }

    /// The next event with data, or `None` where the response has ended.
    pub(crate) async fn next(&mut self) -> anyhow::Result<Option<Event>> {
        loop {
            while let Some(event) = self.take() {
                if !event.data.is_empty() {
                    return Ok(Some(event));
                }
            }
            let Some(bytes) = self.response.chunk().await? else { return Ok(None) };
            self.arrived = Instant::now();
            self.unread.extend_from_slice(&bytes);
        }
    }

    /// Reads on to an event whose data has `text` in it.
    pub(crate) async fn until(&mut self, text: &str) -> anyhow::Result<Event> {
        loop {
            let event = self.next().await?.with_context(|| format!("the stream ended before `{text}`"))?;
            if event.data.contains(text) {
                return Ok(event);
            }
        }
    }

    fn take(&mut self) -> Option<Event> {
        let end = self.unread.windows(END.len()).position(|window| window == END)?;
        let rest = self.unread.split_off(end + END.len());
        let whole = std::mem::replace(&mut self.unread, rest);
        Some(Event { data: data_of(&String::from_utf8_lossy(&whole)), arrived: self.arrived })
    }
}

fn data_of(event: &str) -> String {
    let lines = event.lines().filter_map(|line| line.strip_prefix("data:"));
    lines.map(str::trim_start).collect::<Vec<_>>().join("\n")
}
