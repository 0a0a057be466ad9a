//! The bound: the model calls and the commands of the turn, one after the other, and nothing else.

use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use serde_json::{Value, json};
use tokio::process::Command;

use super::{COMMAND, MODEL, STEPS};

/// Makes the calls of the model and runs the commands between them.
pub(super) async fn turn(client: &reqwest::Client, base_url: &str) -> anyhow::Result<Duration> {
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
        let call = tool_call(&text).with_context(|| format!("no tool call in {text}"))?;
        let output = Command::new("sh").args(["-c", COMMAND]).output().await?;
        ensure!(output.status.success(), "the command failed");
        messages.push(json!({"role": "assistant", "content": [
            {"type": "tool_use", "id": call, "name": "execute", "input": {"command": COMMAND}}
        ]}));
        messages.push(json!({"role": "user", "content": [
            {"type": "tool_result", "tool_use_id": call, "content": String::from_utf8_lossy(&output.stdout)}
        ]}));
    }
    Ok(began.elapsed())
}

fn tool_call(events: &str) -> Option<String> {
    let data = events.lines().filter_map(|line| line.strip_prefix("data:"));
    let mut blocks = data.filter_map(|data| serde_json::from_str::<Value>(data).ok());
    blocks.find_map(|event| event["content_block"]["id"].as_str().map(str::to_owned))
}
