//! A container runtime that answers each request with the bytes that a test gives it.

use std::path::PathBuf;

use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{Mutex, mpsc};
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;

/// A part of an answer.
#[derive(Debug, Clone)]
pub(super) enum Step {
    /// Bytes, in one piece.
    Send(Vec<u8>),
    /// The same bytes again and again.
    Forever(Vec<u8>),
    /// Nothing more, while the connection stays.
    Hang,
    /// The end of the connection.
    Close,
}

/// A runtime on a socket of its own, until it is dropped.
pub(super) struct Daemon {
    pub(super) socket: PathBuf,
    requests: Mutex<mpsc::UnboundedReceiver<String>>,
    _dir: TempDir,
    _stop: DropGuard,
}

impl Daemon {
    pub(super) fn start(answer: Vec<Step>) -> Self {
        let dir = tempfile::tempdir().expect("dir");
        let socket = dir.path().join("docker.sock");
        let listener = UnixListener::bind(&socket).expect("socket");
        let (sender, requests) = mpsc::unbounded_channel();
        let stop = CancellationToken::new();
        let (running, tasks) = (stop.clone(), TaskTracker::new());
        TaskTracker::new().spawn(async move {
            while let Some(Ok((stream, _))) = running.run_until_cancelled(listener.accept()).await {
                let (answer, sender, running) = (answer.clone(), sender.clone(), running.clone());
                tasks.spawn(async move { running.run_until_cancelled(serve(stream, answer, sender)).await });
            }
        });
        Self { socket, requests: Mutex::new(requests), _dir: dir, _stop: stop.drop_guard() }
    }

    /// The first line of the next request.
    pub(super) async fn request(&self) -> String {
        self.requests.lock().await.recv().await.expect("a request")
    }
}

async fn serve(mut stream: UnixStream, answer: Vec<Step>, requests: mpsc::UnboundedSender<String>) {
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        if !matches!(stream.read_buf(&mut request).await, Ok(1..)) {
            return;
        }
    }
    let text = String::from_utf8(request).expect("text");
    let _ = requests.send(text.lines().next().unwrap_or_default().to_owned());
    for step in answer {
        let written = match step {
            Step::Send(bytes) => stream.write_all(&bytes).await,
            Step::Forever(bytes) => loop {
                if let Err(error) = stream.write_all(&bytes).await {
                    break Err(error);
                }
            },
            Step::Hang => std::future::pending().await,
            Step::Close => return,
        };
        if written.is_err() {
            return;
        }
    }
}

/// An answer that says how long it is.
pub(super) fn plain(status: &str, body: &str) -> Vec<Step> {
    let head = format!("HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n", body.len());
    vec![Step::Send(head.into_bytes()), Step::Send(body.as_bytes().to_vec())]
}

/// An answer in chunks of `size` bytes.
pub(super) fn chunked(status: &str, body: &str, size: usize) -> Vec<Step> {
    let head = format!("HTTP/1.1 {status}\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n");
    let mut steps = vec![Step::Send(head.into_bytes())];
    for chunk in body.as_bytes().chunks(size) {
        let mut bytes = format!("{:x}\r\n", chunk.len()).into_bytes();
        bytes.extend_from_slice(chunk);
        bytes.extend_from_slice(b"\r\n");
        steps.push(Step::Send(bytes));
    }
    steps.push(Step::Send(b"0\r\n\r\n".to_vec()));
    steps
}
