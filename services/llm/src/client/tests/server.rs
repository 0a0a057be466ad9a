//! A server that says what it was told to say, byte for byte.

use std::sync::Arc;

use parking_lot::Mutex;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

/// Where a connection stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd)]
enum Progress {
    Waiting,
    Asked,
    Closed,
}

pub(super) struct Server {
    address: String,
    requests: Arc<Mutex<Vec<(String, String)>>>,
    progress: watch::Receiver<Progress>,
    /// Dropped with the server, and with it the connections.
    _tasks: JoinSet<()>,
}

impl Server {
    /// Gives each reply to one connection, closes it, and is then gone.
    pub(super) async fn start(replies: Vec<Vec<u8>>) -> Self {
        Self::with(replies, false).await
    }

    /// Gives each reply to one connection and then waits until the peer closes it.
    pub(super) async fn start_open(replies: Vec<Vec<u8>>) -> Self {
        Self::with(replies, true).await
    }

    async fn with(replies: Vec<Vec<u8>>, stays_open: bool) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let requests = Arc::new(Mutex::new(Vec::new()));
        let (sender, progress) = watch::channel(Progress::Waiting);
        let mut tasks = JoinSet::new();
        let received = requests.clone();
        tasks.spawn(async move {
            for reply in replies {
                let (mut socket, _) = listener.accept().await.unwrap();
                let request = read_request(&mut socket).await;
                received.lock().push(request);
                sender.send_replace(Progress::Asked);
                // A peer that went away has what it wanted.
                let _is_sent = socket.write_all(&reply).await.is_ok();
                if stays_open {
                    while socket.read_u8().await.is_ok() {}
                    sender.send_replace(Progress::Closed);
                }
            }
        });
        Self { address, requests, progress, _tasks: tasks }
    }

    pub(super) fn url(&self) -> String {
        self.address.clone()
    }

    /// Head and body of the first request.
    pub(super) fn request(&self) -> (String, String) {
        self.requests.lock()[0].clone()
    }

    /// The JSON bodies of all requests.
    pub(super) fn bodies(&self) -> Vec<serde_json::Value> {
        self.requests.lock().iter().map(|(_, body)| serde_json::from_str(body).unwrap()).collect()
    }

    /// Head and body of all requests.
    pub(super) fn all(&self) -> Vec<(String, String)> {
        self.requests.lock().clone()
    }

    pub(super) fn was_asked(&self) -> bool {
        !self.requests.lock().is_empty()
    }

    pub(super) async fn asked(&self) {
        self.reach(Progress::Asked).await;
    }

    pub(super) async fn closed(&self) {
        self.reach(Progress::Closed).await;
    }

    async fn reach(&self, progress: Progress) {
        self.progress.clone().wait_for(|now| *now >= progress).await.unwrap();
    }
}

async fn read_request(socket: &mut TcpStream) -> (String, String) {
    let mut bytes = Vec::new();
    let head_end = loop {
        bytes.push(socket.read_u8().await.unwrap());
        if bytes.ends_with(b"\r\n\r\n") {
            break bytes.len();
        }
    };
    let head = String::from_utf8(bytes[..head_end].to_vec()).unwrap();
    let length = head
        .lines()
        .find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length: ")?.trim().parse().ok())
        .unwrap_or(0);
    let mut body = vec![0; length];
    socket.read_exact(&mut body).await.unwrap();
    (head, String::from_utf8(body).unwrap())
}

pub(super) fn reply(status: &str, media_type: &str, body: &str) -> String {
    let length = body.len();
    format!("HTTP/1.1 {status}\r\ncontent-type: {media_type}\r\ncontent-length: {length}\r\n\r\n{body}")
}

pub(super) fn events_reply(body: &str) -> String {
    reply("200 OK", "text/event-stream", body)
}
