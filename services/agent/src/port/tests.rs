use std::time::Duration;

use bytes::Bytes;
use chatmesh_proto::agent::v1 as pb;
use chatmesh_proto::agent::v1::forward_port_request::Body as Request;
use chatmesh_proto::agent::v1::forward_port_response::Body;
use chatmesh_rpc::Code;
use futures::StreamExt as _;
use futures::channel::mpsc::{Sender, channel};
use futures::sink::SinkExt as _;
use futures::stream::BoxStream;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::task::TaskTracker;
use tonic::Status;

use super::error::Error;
use super::forward::forward;
use super::forwards::MAX_OPEN;
use super::{Forwards, listening};

/// Longer than anything here takes.
const LONG: Duration = Duration::from_secs(60);

/// One who is connected to a port.
struct Caller {
    messages: Sender<Result<pb::ForwardPortRequest, Status>>,
    responses: BoxStream<'static, Result<pb::ForwardPortResponse, Status>>,
}

impl Caller {
    async fn connect(forwards: &Forwards, port: u16) -> Result<Self, Error> {
        Self::call(forwards, header(port, "")).await
    }

    async fn call(forwards: &Forwards, first: Request) -> Result<Self, Error> {
        let (mut messages, received) = channel(1);
        messages.try_send(message(first)).expect("room");
        let mut responses = forward(forwards, received).await?;
        let connected = responses.next().await.expect("a message").expect("no error").body;
        assert!(matches!(connected, Some(Body::Connected(_))), "{connected:?}");
        Ok(Self { messages, responses })
    }

    async fn send(&mut self, body: Request) {
        self.messages.send(message(body)).await.expect("it listens");
    }

    async fn next(&mut self) -> Option<Result<Body, Status>> {
        let next = tokio::time::timeout(LONG, self.responses.next()).await.expect("something comes")?;
        Some(next.map(|response| response.body.expect("a body")))
    }

    /// The error that ends the call.
    async fn error(&mut self) -> Status {
        loop {
            if let Err(error) = self.next().await.expect("an error") {
                assert!(self.responses.next().await.is_none(), "nothing comes after an error");
                return error;
            }
        }
    }
}

fn message(body: Request) -> Result<pb::ForwardPortRequest, Status> {
    Ok(pb::ForwardPortRequest { body: Some(body) })
}

fn header(port: u16, host: &str) -> Request {
    Request::Header(pb::ForwardPortHeader { port: port.into(), host: host.to_owned() })
}

fn data(bytes: impl Into<Bytes>) -> Request {
    Request::Data(bytes.into())
}

fn end() -> Request {
    Request::End(pb::ForwardPortEnd {})
}

fn code<T>(result: Result<T, Error>) -> Code {
    Status::from(result.err().expect("an error")).code()
}

fn reason(status: &Status) -> String {
    String::from_utf8_lossy(status.details()).into_owned()
}

async fn listen(host: &str) -> (TcpListener, u16) {
    let listener = TcpListener::bind((host, 0)).await.expect("listener");
    let port = listener.local_addr().expect("address").port();
    (listener, port)
}

/// A server that sends back what it gets, and ends when that ends.
async fn echo() -> u16 {
    let (listener, port) = listen("127.0.0.1").await;
    let tasks = TaskTracker::new();
    tasks.clone().spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tasks.spawn(async move {
                let (mut reader, mut writer) = stream.split();
                let _ = tokio::io::copy(&mut reader, &mut writer).await;
                let _ = writer.shutdown().await;
            });
        }
    });
    port
}

/// Bytes that show when they are lost, doubled or out of order.
fn pattern(length: usize) -> Vec<u8> {
    (0..length).map(|index| (index ^ (index >> 8) ^ (index >> 16)) as u8).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn eight_mebibytes_travel_in_both_directions_unchanged() {
    let forwards = Forwards::new();
    let Caller { mut messages, mut responses } = Caller::connect(&forwards, echo().await).await.expect("connected");
    assert_eq!(forwards.count(), 1);
    let sent = pattern(8 * 1024 * 1024);
    let expected = sent.clone();
    let sending = async move {
        for piece in sent.chunks(64 * 1024) {
            messages.send(message(data(piece.to_vec()))).await.expect("it listens");
        }
        messages.send(message(end())).await.expect("it listens");
        messages
    };
    let receiving = async move {
        let mut received = Vec::new();
        loop {
            match responses.next().await.expect("a message").expect("no error").body.expect("a body") {
                Body::Data(data) => {
                    assert!(!data.is_empty() && data.len() <= 64 * 1024);
                    received.extend_from_slice(&data);
                }
                Body::End(_) => break,
                Body::Connected(_) => panic!("connected twice"),
            }
        }
        assert!(responses.next().await.is_none(), "the call ends when both directions have");
        received
    };
    let (_, received) = tokio::time::timeout(LONG, async { tokio::join!(sending, receiving) }).await.expect("in time");
    assert!(received == expected);
    assert_eq!(forwards.count(), 0);
}

#[tokio::test]
async fn each_direction_ends_by_itself() {
    let (listener, port) = listen("127.0.0.1").await;
    let forwards = Forwards::new();
    let mut caller = Caller::connect(&forwards, port).await.expect("connected");
    let (mut stream, _) = listener.accept().await.expect("accepted");

    caller.send(data("question")).await;
    caller.send(end()).await;
    let mut question = String::new();
    stream.read_to_string(&mut question).await.expect("the end");
    assert_eq!(question, "question");
    stream.write_all(b"answer").await.expect("written");
    assert_eq!(caller.next().await.expect("data").expect("data"), Body::Data(Bytes::from_static(b"answer")));
    drop(stream);
    assert_eq!(caller.next().await.expect("end").expect("end"), Body::End(pb::ForwardPortEnd {}));
    assert!(caller.next().await.is_none());

    // The other way round, and with the end of the messages for an end.
    let mut caller = Caller::connect(&forwards, port).await.expect("connected");
    let (mut stream, _) = listener.accept().await.expect("accepted");
    stream.shutdown().await.expect("ended");
    assert_eq!(caller.next().await.expect("end").expect("end"), Body::End(pb::ForwardPortEnd {}));
    caller.send(data("late")).await;
    caller.messages.close_channel();
    let mut late = String::new();
    stream.read_to_string(&mut late).await.expect("the end");
    assert_eq!(late, "late");
    assert!(caller.next().await.is_none());
}

#[tokio::test]
async fn a_port_at_which_nothing_listens_is_told_from_others() {
    // Nobody else takes the port meanwhile.
    let kept = tokio::net::TcpSocket::new_v4().expect("socket");
    kept.bind("127.0.0.1:0".parse().expect("address")).expect("bound");
    let port = kept.local_addr().expect("address").port();
    let forwards = Forwards::new();
    for host in ["", "localhost", "127.0.0.1", "::1"] {
        let error = Status::from(Caller::call(&forwards, header(port, host)).await.err().expect("refused"));
        assert_eq!(error.code(), Code::FailedPrecondition, "{host}");
        assert!(reason(&error).contains("PORT_NOT_LISTENING"), "{error:?}");
    }
    assert_eq!(forwards.count(), 0);
}

#[tokio::test]
async fn both_loopback_addresses_are_tried() {
    let Ok(listener) = TcpListener::bind("[::1]:0").await else { return };
    let port = listener.local_addr().expect("address").port();
    let forwards = Forwards::new();
    for host in ["", "localhost", "::1"] {
        Caller::call(&forwards, header(port, host)).await.expect("connected");
    }
    assert_eq!(code(Caller::call(&forwards, header(port, "127.0.0.1")).await), Code::FailedPrecondition);
}

#[tokio::test]
async fn a_port_that_accepts_nothing_is_given_up_after_ten_seconds() {
    let socket = tokio::net::TcpSocket::new_v4().expect("socket");
    socket.bind("127.0.0.1:0".parse().expect("address")).expect("bound");
    let listener = socket.listen(1).expect("listener");
    let address = listener.local_addr().expect("address");
    // The system takes a few connections that nobody accepts, and no more.
    let mut waiting = Vec::new();
    while let Ok(stream) = std::net::TcpStream::connect_timeout(&address, Duration::from_millis(200)) {
        waiting.push(stream);
    }
    tokio::time::pause();
    let began = tokio::time::Instant::now();
    let result = Caller::call(&Forwards::new(), header(address.port(), "127.0.0.1")).await;
    assert_eq!(code(result), Code::DeadlineExceeded);
    assert_eq!(began.elapsed().as_secs(), 10);
}

#[tokio::test]
async fn a_reset_by_the_port_is_an_error_and_no_end() {
    let (listener, port) = listen("127.0.0.1").await;
    let mut caller = Caller::connect(&Forwards::new(), port).await.expect("connected");
    let (stream, _) = listener.accept().await.expect("accepted");
    stream.set_zero_linger().expect("option");
    drop(stream);
    let error = caller.error().await;
    assert_eq!(error.code(), Code::Aborted);
    assert!(reason(&error).contains("PORT_CONNECTION_RESET"), "{error:?}");
}

async fn is_reset(stream: &mut TcpStream) -> bool {
    let read = tokio::time::timeout(LONG, stream.read(&mut [0; 16])).await.expect("something comes");
    read.is_err_and(|error| error.kind() == std::io::ErrorKind::ConnectionReset)
}

#[tokio::test]
async fn a_call_that_breaks_off_is_a_reset_for_the_port_and_no_end() {
    let (listener, port) = listen("127.0.0.1").await;
    let forwards = Forwards::new();
    let caller = Caller::connect(&forwards, port).await.expect("connected");
    let (mut stream, _) = listener.accept().await.expect("accepted");
    drop(caller);
    assert!(is_reset(&mut stream).await, "the caller is gone");
    assert_eq!(forwards.count(), 0);

    let mut caller = Caller::connect(&forwards, port).await.expect("connected");
    let (mut stream, _) = listener.accept().await.expect("accepted");
    caller.messages.send(Err(Status::unavailable("broken"))).await.expect("it listens");
    assert_eq!(caller.error().await.code(), Code::Unavailable);
    assert!(is_reset(&mut stream).await, "the caller's connection broke");
}

#[tokio::test]
async fn wrong_messages_are_refused() {
    let (_listener, port) = listen("127.0.0.1").await;
    let forwards = Forwards::new();
    let port_of = |port| Request::Header(pb::ForwardPortHeader { port, host: String::new() });
    let first = [
        port_of(0),
        port_of(65_536),
        header(port, "0.0.0.0"),
        header(port, "10.0.0.1"),
        header(port, "localhost.example.com"),
        header(port, "127.0.0.2"),
        data("x"),
        end(),
    ];
    for first in first {
        assert_eq!(code(Caller::call(&forwards, first.clone()).await), Code::InvalidArgument, "{first:?}");
    }
    assert_eq!(code(forward(&forwards, futures::stream::empty()).await), Code::InvalidArgument);
    for later in [header(port, ""), data(vec![0; 64 * 1024 + 1])] {
        let mut caller = Caller::connect(&forwards, port).await.expect("connected");
        caller.send(later).await;
        assert_eq!(caller.error().await.code(), Code::InvalidArgument);
    }
}

#[tokio::test]
async fn a_port_that_does_not_read_stops_its_caller() {
    let (listener, port) = listen("127.0.0.1").await;
    let mut caller = Caller::connect(&Forwards::new(), port).await.expect("connected");
    let (_stream, _) = listener.accept().await.expect("accepted");
    // What the sockets hold is the system's; nothing beside that is queued.
    let filling = async {
        loop {
            caller.send(data(vec![0; 64 * 1024])).await;
        }
    };
    assert!(tokio::time::timeout(Duration::from_millis(500), filling).await.is_err());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_connections_are_carried_at_once_and_no_more_than_that() {
    let (forwards, port) = (Forwards::new(), echo().await);
    let connects = (0..MAX_OPEN).map(|_| Caller::connect(&forwards, port));
    let mut callers: Vec<_> =
        futures::future::join_all(connects).await.into_iter().map(|caller| caller.expect("connected")).collect();
    assert_eq!(code(Caller::connect(&forwards, port).await), Code::ResourceExhausted);
    let exchanges = callers.iter_mut().enumerate().map(|(index, caller)| async move {
        caller.send(data(format!("number {index}"))).await;
        caller.send(end()).await;
        let mut received = Vec::new();
        while let Some(Ok(Body::Data(data))) = caller.next().await {
            received.extend_from_slice(&data);
        }
        assert_eq!(received, format!("number {index}").as_bytes());
        assert!(caller.next().await.is_none());
    });
    futures::future::join_all(exchanges).await;
    assert_eq!(forwards.count(), 0);
}

#[tokio::test]
async fn the_agents_end_breaks_connections_and_refuses_new_ones() {
    let (forwards, port) = (Forwards::new(), echo().await);
    let mut caller = Caller::connect(&forwards, port).await.expect("connected");
    let ((), error) = tokio::join!(forwards.close(), caller.error());
    assert_eq!(error.code(), Code::Unavailable);
    assert_eq!(code(Caller::connect(&forwards, port).await), Code::Unavailable);
}

#[tokio::test(start_paused = true)]
async fn a_caller_that_sends_no_header_is_given_up_after_ten_seconds() {
    let began = tokio::time::Instant::now();
    let forwards = Forwards::new();
    assert_eq!(code(forward(&forwards, futures::stream::pending()).await), Code::DeadlineExceeded);
    assert_eq!(began.elapsed().as_secs(), 10);
    assert_eq!(forwards.count(), 0);
}

#[tokio::test]
async fn ports_are_listed_with_the_programs_that_hold_them() {
    let (_listener, port) = listen("127.0.0.1").await;
    let connected = TcpStream::connect(("127.0.0.1", port)).await.expect("connected");
    let ports = tokio::task::spawn_blocking(listening::list).await.expect("no panic").expect("listed").ports;
    let found = ports.iter().find(|listed| listed.port == u32::from(port)).expect("listed");
    assert_eq!(found.addresses, ["127.0.0.1"]);
    assert!(found.forwardable);
    assert_eq!(found.process_id, Some(std::process::id()));
    assert!(!found.process_name.is_empty());
    let local = connected.local_addr().expect("address").port();
    assert!(ports.iter().all(|listed| listed.port != u32::from(local)), "a connection is no open port");
    assert!(ports.is_sorted_by_key(|listed| listed.port));
}
