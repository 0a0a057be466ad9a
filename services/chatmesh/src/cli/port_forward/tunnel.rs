//! One connection, as TCP here and as a WebSocket to the mesh.

use std::convert::Infallible;
use std::time::Duration;

use anyhow::{Context as _, anyhow, bail};
use bytes::{Bytes, BytesMut};
use futures::stream::{SplitSink, SplitStream};
use futures::{SinkExt as _, StreamExt as _};
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::time::{Instant, interval_at, timeout};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;

use crate::client::Socket;

/// How much is read at once.
const PIECE_BYTES: usize = 64 * 1024;
/// How often to show that this side is there, also where a reader here has paused.
const PING_INTERVAL: Duration = Duration::from_secs(15);
/// How long the mesh may be silent: it shows that it is there every 20 seconds.
const SILENCE: Duration = Duration::from_secs(75);
const END: &str = r#"{"end":{}}"#;

/// Carries bytes in both directions until both have ended.
///
/// # Errors
/// The connection broke before, on either side; the other one is reset then.
pub(super) async fn carry(stream: TcpStream, socket: Socket) -> anyhow::Result<()> {
    let (mut reader, mut writer) = stream.into_split();
    let (mut sink, mut source) = socket.split();
    let outcome = tokio::select! {
        outcome = down(&mut source, &mut writer) => outcome,
        outcome = up(&mut reader, &mut sink) => outcome.map(|never| match never {}),
    };
    if outcome.is_err() {
        let _ = reader.as_ref().set_zero_linger();
    }
    outcome
}

/// From here to the workspace; goes on to show signs of life after the end.
async fn up(reader: &mut OwnedReadHalf, sink: &mut SplitSink<Socket, Message>) -> anyhow::Result<Infallible> {
    let mut pings = interval_at(Instant::now() + PING_INTERVAL, PING_INTERVAL);
    let mut buffer = BytesMut::new();
    let mut ended = false;
    loop {
        buffer.reserve(PIECE_BYTES);
        let message = tokio::select! {
            read = reader.read_buf(&mut buffer), if !ended => match read.context("the connection here broke")? {
                0 => {
                    ended = true;
                    Message::Text(END.into())
                }
                _ => Message::Binary(buffer.split().freeze()),
            },
            _ = pings.tick() => Message::Ping(Bytes::new()),
        };
        if sink.send(message).await.is_err() {
            // Why, the other direction hears.
            return std::future::pending().await;
        }
    }
}

/// From the workspace to here.
async fn down(source: &mut SplitStream<Socket>, writer: &mut OwnedWriteHalf) -> anyhow::Result<()> {
    loop {
        let message = timeout(SILENCE, source.next()).await.context("the mesh is silent")?;
        match message.context("the connection to the mesh ended")?.context("the connection to the mesh broke")? {
            Message::Binary(bytes) => writer.write_all(&bytes).await.context("the connection here broke")?,
            Message::Text(text) => {
                let event: Value = serde_json::from_str(&text).unwrap_or_default();
                if event.get("end").is_some() {
                    writer.shutdown().await.context("the connection here broke")?;
                }
                if let Some(error) = event.get("error") {
                    bail!("{}", error["message"].as_str().unwrap_or("no message"));
                }
            }
            Message::Close(Some(frame)) if frame.code == CloseCode::Normal => return Ok(()),
            Message::Close(Some(frame)) => return Err(anyhow!("{} ({})", frame.reason, frame.code)),
            Message::Close(None) => bail!("the mesh closed the connection"),
            Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => {}
        }
    }
}
