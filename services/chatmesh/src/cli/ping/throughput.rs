//! How many bytes per second come and go.

use std::future::ready;
use std::time::Duration;

use anyhow::Context as _;
use bytes::Bytes;
use futures::stream;
use reqwest::Body;
use tokio::time::{Instant, timeout};

use crate::client::{Client, Workspace};
use crate::terminal;

/// How long each direction is measured.
const DURATION: Duration = Duration::from_secs(3);
/// How long it may take in all.
const TIMEOUT: Duration = Duration::from_secs(60);
const PIECE: &[u8] = &[0x5A; 64 * 1024];

/// Measures both directions, one after the other.
pub(super) async fn measure(client: &Client, workspace: &Workspace) -> anyhow::Result<()> {
    let base = format!("/api/v1/workspaces/{}", workspace.id);
    timeout(TIMEOUT, download(client, &base)).await.context("the download did not end in time")??;
    timeout(TIMEOUT, upload(client, &base)).await.context("the upload did not end in time")?
}

async fn download(client: &Client, base: &str) -> anyhow::Result<()> {
    let path = format!("{base}/agent:download?max_duration_ms={}", DURATION.as_millis());
    let mut response = client.stream(&path).await?;
    let (began, mut bytes) = (Instant::now(), 0);
    while let Some(piece) = response.chunk().await.context("the download broke")? {
        bytes += piece.len() as u64;
    }
    show("download", bytes, began.elapsed());
    Ok(())
}

async fn upload(client: &Client, base: &str) -> anyhow::Result<()> {
    let end = Instant::now() + DURATION;
    let piece = || Ok::<_, std::io::Error>(Bytes::from_static(PIECE));
    let pieces = stream::unfold((), move |()| ready((Instant::now() < end).then(|| (piece(), ()))));
    let answer = client.upload(&format!("{base}/agent:upload"), Body::wrap_stream(pieces)).await?;
    // 64-bit numbers are strings in protobuf's JSON.
    let number = |name: &str| answer[name].as_str().and_then(|text| text.parse::<u64>().ok()).unwrap_or_default();
    show("upload", number("received_bytes"), Duration::from_micros(number("duration_us")));
    Ok(())
}

fn show(direction: &str, bytes: u64, time: Duration) {
    let mebibytes = bytes as f64 / (1024.0 * 1024.0);
    let per_second = mebibytes / time.as_secs_f64().max(0.001);
    terminal::line(format!("{direction:9} {per_second:.1} MiB/s ({mebibytes:.1} MiB in {:.2} s)", time.as_secs_f64()));
}
