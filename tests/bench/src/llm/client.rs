//! Makes one call after the other, over HTTP or gRPC, and reads the answers.

use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use bytes::Bytes;
use chatmesh_proto::common::v1::{Part, Role, part};
use chatmesh_proto::llm::v1::generate_response::Event;
use chatmesh_proto::llm::v1::llm_service_client::LlmServiceClient;
use chatmesh_proto::llm::v1::{GenerateRequest, PromptMessage};
use chatmesh_rpc::client::Peer;
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http1::{self, SendRequest};
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HOST};
use hyper::{Method, Request};
use hyper_util::rt::TokioIo;
use serde_json::json;
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use super::stamp::{Clock, Stamps};

/// How long a call may take.
const LIMIT: Duration = Duration::from_secs(60);

/// About a kilobyte, as in the measurements of others.
const PROMPT_BYTES: usize = 1000;

/// What is called.
#[derive(Debug, Clone)]
pub(super) enum Address {
    /// Chat Completions under `HOST:PORT` and a path, with a key in a header.
    Http { authority: String, path: String, headers: Vec<(String, String)>, model: String },
    /// Our own contract.
    Grpc { peer: Peer, model: String },
}

/// How long the parts of a call took.
#[derive(Debug)]
pub(super) struct Times {
    pub(super) first: Duration,
    pub(super) whole: Duration,
    /// From the provider to us, for each piece.
    pub(super) pieces: Vec<Duration>,
}

/// One who calls, with a connection of its own.
#[derive(Debug)]
pub(super) struct Client {
    kind: Kind,
    clock: Clock,
    /// How many pieces an answer has.
    expected: usize,
    is_stream: bool,
}

#[derive(Debug)]
enum Kind {
    Http { address: Http, connection: Option<SendRequest<Full<Bytes>>>, tasks: JoinSet<()> },
    Grpc { client: Box<LlmServiceClient<Peer>>, request: Box<GenerateRequest> },
}

#[derive(Debug)]
struct Http {
    authority: String,
    path: String,
    headers: Vec<(String, String)>,
    body: Bytes,
}

impl Client {
    pub(super) fn new(address: &Address, clock: Clock, stream: Option<usize>) -> Self {
        let prompt = "word ".repeat(PROMPT_BYTES / 5);
        let kind = match address.clone() {
            Address::Http { authority, path, headers, model } => {
                let message = json!({"role": "user", "content": prompt});
                let mut body = json!({"model": model, "messages": [message], "max_tokens": 100});
                if stream.is_some() {
                    body["stream"] = json!(true);
                }
                let address = Http { authority, path, headers, body: Bytes::from(body.to_string()) };
                Kind::Http { address, connection: None, tasks: JoinSet::new() }
            }
            Address::Grpc { peer, model } => {
                let part = Part { body: Some(part::Body::Text(prompt)), ..Part::default() };
                let message = PromptMessage { role: Role::User.into(), parts: vec![part] };
                let request = GenerateRequest { model, messages: vec![message], ..GenerateRequest::default() };
                Kind::Grpc { client: Box::new(LlmServiceClient::new(peer)), request: Box::new(request) }
            }
        };
        Self { kind, clock, expected: stream.unwrap_or(1), is_stream: stream.is_some() }
    }

    /// Makes one call and reads its answer to the end.
    ///
    /// # Errors
    /// The answer is not what the provider said.
    pub(super) async fn call(&mut self) -> anyhow::Result<Times> {
        let (clock, is_stream) = (self.clock, self.is_stream);
        let call = async {
            match &mut self.kind {
                Kind::Http { address, connection, tasks } => address.call(connection, tasks, clock).await,
                Kind::Grpc { client, request } => grpc(client, request, clock).await,
            }
        };
        let times = tokio::time::timeout(LIMIT, call).await.context("no answer in time")??;
        let complete = times.pieces.len() == self.expected || !is_stream && !times.pieces.is_empty();
        ensure!(complete, "{} pieces came of {}", times.pieces.len(), self.expected);
        Ok(times)
    }
}

impl Http {
    async fn call(
        &self,
        connection: &mut Option<SendRequest<Full<Bytes>>>,
        tasks: &mut JoinSet<()>,
        clock: Clock,
    ) -> anyhow::Result<Times> {
        let usable = match connection {
            Some(open) => open.ready().await.is_ok(),
            None => false,
        };
        if !usable {
            *connection = Some(self.connect(tasks).await?);
        }
        let sender = connection.as_mut().context("no connection")?;
        let mut request = Request::builder().method(Method::POST).uri(&self.path);
        request = request.header(HOST, &self.authority).header(CONTENT_TYPE, "application/json");
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        let request = request.body(Full::new(self.body.clone()))?;
        let began = Instant::now();
        let response = sender.send_request(request).await?;
        let status = response.status();
        let mut body = response.into_body();
        let (mut stamps, mut first) = (Stamps::default(), None);
        let mut refusal = Vec::new();
        while let Some(frame) = body.frame().await {
            let Ok(data) = frame?.into_data() else { continue };
            if !status.is_success() {
                refusal.extend_from_slice(&data);
            }
            stamps.read(clock, &data);
            if !stamps.delays.is_empty() {
                first.get_or_insert_with(|| began.elapsed());
            }
        }
        ensure!(status.is_success(), "{status}: {}", String::from_utf8_lossy(&refusal));
        let whole = began.elapsed();
        Ok(Times { first: first.unwrap_or(whole), whole, pieces: stamps.delays })
    }

    async fn connect(&self, tasks: &mut JoinSet<()>) -> anyhow::Result<SendRequest<Full<Bytes>>> {
        let socket = TcpStream::connect(&self.authority).await?;
        socket.set_nodelay(true)?;
        let (sender, connection) = http1::handshake(TokioIo::new(socket)).await?;
        tasks.spawn(async move {
            // The next call finds out that it broke.
            let _ = connection.await;
        });
        while tasks.try_join_next().is_some() {}
        Ok(sender)
    }
}

async fn grpc(client: &mut LlmServiceClient<Peer>, request: &GenerateRequest, clock: Clock) -> anyhow::Result<Times> {
    let began = Instant::now();
    let mut events = client.generate(request.clone()).await?.into_inner();
    let (mut stamps, mut first, mut finished) = (Stamps::default(), None, false);
    while let Some(response) = events.message().await? {
        match response.event {
            Some(Event::PartDelta(delta)) => {
                stamps.read(clock, delta.text.as_bytes());
                if !stamps.delays.is_empty() {
                    first.get_or_insert_with(|| began.elapsed());
                }
            }
            Some(Event::Finish(_)) => finished = true,
            Some(Event::Error(error)) => bail!("{}: {}", error.message, error.detail),
            _ => {}
        }
    }
    ensure!(finished, "the answer has no end");
    let whole = began.elapsed();
    Ok(Times { first: first.unwrap_or(whole), whole, pieces: stamps.delays })
}

/// A header with a key, as OpenAI's SDKs send it.
pub(super) fn bearer(key: &str) -> (String, String) {
    (AUTHORIZATION.as_str().to_owned(), format!("Bearer {key}"))
}
