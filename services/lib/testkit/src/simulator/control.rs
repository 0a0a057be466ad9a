//! The simulator's own endpoints, under `/_simulator/`.

use bytes::Bytes;
use http::{Method, StatusCode};
use serde_json::{Value, json};

use super::Shared;
use super::script::Script;

/// The path under which the simulator talks about itself.
pub(super) const PREFIX: &str = "/_simulator/";

/// Answers a request to one of the simulator's own endpoints.
pub(super) fn answer(shared: &Shared, method: &Method, path: &str, body: &Bytes) -> (StatusCode, Value) {
    match (method, path.strip_prefix(PREFIX).unwrap_or_default()) {
        (&Method::GET, "stats") => (StatusCode::OK, json!(shared.journal.stats())),
        (&Method::GET, "journal") => (StatusCode::OK, json!(shared.journal.requests())),
        (&Method::DELETE, "journal") => {
            shared.journal.clear();
            (StatusCode::OK, json!({}))
        }
        (&Method::DELETE, "responses") => {
            shared.stored.forget();
            (StatusCode::OK, json!({}))
        }
        (&Method::GET, "models") => (StatusCode::OK, json!(shared.library.models())),
        (&Method::POST, "scripts") => match Script::parse(body) {
            Ok(scripts) => {
                let models: Vec<_> = scripts.iter().map(|script| script.model.clone()).collect();
                scripts.into_iter().for_each(|script| shared.library.add(script));
                (StatusCode::OK, json!({"models": models}))
            }
            Err(error) => (StatusCode::BAD_REQUEST, json!({"error": error.to_string()})),
        },
        _ => (StatusCode::NOT_FOUND, json!({"error": format!("no endpoint {method} {path}")})),
    }
}
