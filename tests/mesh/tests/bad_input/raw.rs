//! HTTP/1.1 by hand: clients that are none of ours send what they like.

use std::io::ErrorKind;
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// How long an answer may take.
const TIMEOUT: Duration = Duration::from_secs(30);

/// What came back.
#[derive(Debug)]
pub(crate) struct RawAnswer {
    pub(crate) status: u16,
    pub(crate) head: String,
    /// The body; null where it is no JSON.
    pub(crate) body: Value,
}

/// Sends the bytes of a request on a connection of its own and reads the answer to its end.
pub(crate) async fn send(url: &str, request: &[u8]) -> RawAnswer {
    let address = url.strip_prefix("http://").expect("a plain address");
    let stream = TcpStream::connect(address).await.expect("a connection");
    let (mut reader, mut writer) = stream.into_split();
    let mut bytes = Vec::new();
    let exchange = async {
        // A server may answer, and close, before it has read everything.
        let write = async {
            let _ = writer.write_all(request).await;
        };
        let (read, ()) = tokio::join!(reader.read_to_end(&mut bytes), write);
        match read {
            // What it did not read it answers with a reset, after its answer.
            Err(error) if error.kind() == ErrorKind::ConnectionReset && end_of_head(&bytes).is_some() => {}
            read => {
                read.expect("an answer");
            }
        }
    };
    tokio::time::timeout(TIMEOUT, exchange).await.expect("an answer in time");
    parse(&bytes)
}

fn end_of_head(bytes: &[u8]) -> Option<usize> {
    bytes.windows(4).position(|window| window == b"\r\n\r\n")
}

fn parse(bytes: &[u8]) -> RawAnswer {
    let end = end_of_head(bytes).expect("a head");
    let head = String::from_utf8_lossy(&bytes[..end]).to_lowercase();
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
    let body = serde_json::from_slice(&bytes[end + 4..]).unwrap_or_default();
    RawAnswer { status, head, body }
}
