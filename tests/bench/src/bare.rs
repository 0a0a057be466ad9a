//! The bound: the model calls and the commands of the turn, one after the other, and nothing else.

use std::time::{Duration, Instant};

use anyhow::ensure;
use serde_json::{Value, json};
use tokio::process::Command;

use crate::MODEL;

const STEPS: usize = 10;

/// Makes the eleven calls and starts the ten commands.
pub(crate) async fn turn(base_url: &str) -> anyhow::Result<Duration> {
    let client = reqwest::Client::builder().tcp_nodelay(true).build()?;
    let mut messages = vec![json!({"role": "user", "content": "go"})];
    let began = Instant::now();
    for step in 0..=STEPS {
        let body = json!({"model": MODEL, "max_tokens": 1000, "stream": true, "messages": messages});
        let request = client.post(format!("{base_url}/v1/messages")).header("x-api-key", "any");
        let response = request.header("anthropic-version", "2023-06-01").json(&body).send().await?;
        ensure!(response.status().is_success(), "the simulator refused: {}", response.text().await?);
        let text = response.text().await?;
        if step == STEPS {
            break;
        }
        let call = tool_call(&text);
        ensure!(Command::new("sh").args(["-c", "true"]).status().await?.success(), "the command failed");
        messages.push(json!({"role": "assistant", "content": [
            {"type": "tool_use", "id": call, "name": "execute", "input": {"command": "true"}}
        ]}));
        messages.push(json!({"role": "user", "content": [
            {"type": "tool_result", "tool_use_id": call, "content": "{\"success\":true}"}
        ]}));
    }
    Ok(began.elapsed())
}

fn tool_call(events: &str) -> String {
    let data = events.lines().filter_map(|line| line.strip_prefix("data:"));
    let blocks = data.filter_map(|data| serde_json::from_str::<Value>(data).ok());
    let mut ids = blocks.filter_map(|event| event["content_block"]["id"].as_str().map(str::to_owned));
    ids.next().unwrap_or_default()
}
