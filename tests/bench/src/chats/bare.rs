//! What the chats are compared with: a process that reads as many streams of the provider, with one
//! task each that keeps the text, as whoever runs a chat has to.

use std::io::Write as _;
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::process::Command;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::load::{Cost, Load};
use super::{Args, MODEL, simulator};
use crate::process::usage_of;
use crate::sse::Events;

/// How many streams are opened at a time.
const AT_ONCE: usize = 64;
const SETTLE: Duration = Duration::from_secs(5);
/// What the process says when it is there, and is told when it shall begin.
const READY: &str = "ready";
const BEGIN: &[u8] = b"begin\n";

/// Measures a process that runs [`read`]. Returns its cost and the memory that it held before.
pub(super) async fn measure(args: &Args) -> anyhow::Result<(Cost, u64)> {
    let simulator = simulator(args).await?;
    let mut process = Command::new(std::env::current_exe()?)
        .args(["--bare", &simulator.base_url(), "--chats", &args.chats.to_string()])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()?;
    let pid = process.id().context("the reader has ended")?;
    let output = process.stdout.take().context("no output")?;
    let first = BufReader::new(output).lines().next_line().await?;
    ensure!(first.as_deref() == Some(READY), "the reader says {first:?}");
    let idle = usage_of(pid)?;
    process.stdin.as_mut().context("no input")?.write_all(BEGIN).await?;
    Load::streaming(&simulator, args.chats, args.answer).await?;
    tokio::time::sleep(SETTLE).await;
    let (begin, began) = (usage_of(pid)?, Instant::now());
    tokio::time::sleep(args.window).await;
    let cost = Cost::of(idle, begin, usage_of(pid)?, began.elapsed());
    Load::streaming(&simulator, args.chats, Duration::ZERO).await?;
    process.kill().await?;
    Ok((cost, idle.resident_bytes))
}

/// Reads so many streams.
pub(super) async fn read(url: &str, count: usize) -> anyhow::Result<()> {
    let http = reqwest::Client::builder().tcp_nodelay(true).build()?;
    let mut input = BufReader::new(tokio::io::stdin()).lines();
    {
        let mut output = std::io::stdout();
        writeln!(output, "{READY}")?;
        output.flush()?;
    }
    input.next_line().await?.context("nobody wants the streams any more")?;
    let opening = std::sync::Arc::new(Semaphore::new(AT_ONCE));
    let mut streams = JoinSet::new();
    for _ in 0..count {
        let (http, url) = (http.clone(), format!("{url}/v1/messages"));
        let permit = std::sync::Arc::clone(&opening).acquire_owned().await?;
        streams.spawn(async move {
            let events = open(&http, &url).await?;
            drop(permit);
            keep_text(events).await
        });
    }
    while let Some(stream) = streams.join_next().await {
        stream??;
    }
    Ok(())
}

async fn open(http: &reqwest::Client, url: &str) -> anyhow::Result<Events> {
    let messages = json!([{"role": "user", "content": "Take your time."}]);
    let body = json!({"model": MODEL, "max_tokens": 1000, "stream": true, "messages": messages});
    let request = http.post(url).header("x-api-key", "any").header("anthropic-version", "2023-06-01");
    Ok(Events::new(request.json(&body).send().await?.error_for_status()?))
}

async fn keep_text(mut events: Events) -> anyhow::Result<String> {
    let mut text = String::new();
    while let Some(event) = events.next().await? {
        let event: Value = serde_json::from_str(&event.data)?;
        text.push_str(event["delta"]["text"].as_str().unwrap_or_default());
    }
    Ok(text)
}
