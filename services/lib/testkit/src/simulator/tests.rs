mod faults;
mod protocols;
mod recorded;
mod responses;
mod sessions;
mod stats;

use std::sync::Once;

use serde_json::{Value, json};

use super::*;

const MESSAGES: &str = "/v1/messages";
const COMPLETIONS: &str = "/openai/v1/chat/completions";

/// How a test speaks to the simulator.
#[derive(Debug, Clone, Copy)]
enum Protocol {
    Http1,
    Http2,
}

fn client(protocol: Protocol) -> reqwest::Client {
    static PROVIDER: Once = Once::new();
    // The client wants a TLS provider even if it never speaks TLS.
    PROVIDER.call_once(|| drop(rustls::crypto::ring::default_provider().install_default()));
    let builder = reqwest::Client::builder().no_proxy();
    match protocol {
        Protocol::Http1 => builder.http1_only(),
        Protocol::Http2 => builder.http2_prior_knowledge(),
    }
    .build()
    .unwrap()
}

async fn start(config: SimulatorConfig) -> Simulator {
    Simulator::start(config).await.unwrap()
}

fn post(simulator: &Simulator, protocol: Protocol, path: &str, body: &Value) -> reqwest::RequestBuilder {
    client(protocol)
        .post(simulator.base_url() + path)
        .header("authorization", "Bearer key")
        .header("anthropic-version", "2023-06-01")
        .json(body)
}

/// A request with one message of the user, valid in both dialects.
fn ask(model: &str, text: &str, stream: bool) -> Value {
    json!({"model": model, "max_tokens": 100, "stream": stream, "messages": [{"role": "user", "content": text}]})
}

/// Reads until the response ends or breaks.
async fn read_all(mut response: reqwest::Response) -> (Vec<u8>, Option<reqwest::Error>) {
    let mut body = Vec::new();
    loop {
        match response.chunk().await {
            Ok(Some(chunk)) => body.extend_from_slice(&chunk),
            Ok(None) => return (body, None),
            Err(error) => return (body, Some(error)),
        }
    }
}
