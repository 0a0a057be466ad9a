//! Server-sent events as they are on the wire.

use chatmesh_llm::sse::{Item, Parser};
use chatmesh_mesh_tests::{Client, PATIENCE};
use reqwest::{Method, Response, StatusCode};
use serde_json::Value;

/// An open stream, with all that was received.
pub(crate) struct Wire {
    response: Response,
    parser: Parser,
    pub(crate) received: String,
}

impl Wire {
    pub(crate) async fn open(client: &Client, path: &str) -> Self {
        let response = client.send(Method::GET, path, None).await;
        assert_eq!(response.status(), StatusCode::OK, "{path}");
        let mut wire = Self { response, parser: Parser::new(), received: String::new() };
        // Its first bytes say that it stands.
        let first = wire.chunk().await;
        assert!(first.is_empty(), "{first:?}");
        wire
    }

    /// The events of the next bytes.
    pub(crate) async fn chunk(&mut self) -> Vec<Value> {
        let chunk = tokio::time::timeout(PATIENCE, self.response.chunk()).await.expect("bytes in time");
        let chunk = chunk.expect("the stream holds").expect("the stream goes on");
        self.received.push_str(&String::from_utf8_lossy(&chunk));
        let mut events = Vec::new();
        let parsed = self.parser.push(&chunk, |item| {
            if let Item::Event { data, .. } = item {
                events.push(serde_json::from_str(data).expect("JSON"));
            }
        });
        parsed.expect("server-sent events");
        events
    }

    /// Reads until an event for which `last` holds, and returns that.
    pub(crate) async fn until(&mut self, last: impl Fn(&Value) -> bool) -> Value {
        loop {
            let events = self.chunk().await;
            if let Some(found) = events.into_iter().find(|event| last(event)) {
                return found;
            }
        }
    }
}
