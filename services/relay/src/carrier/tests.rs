use chatmesh_proto::relay::v1::HelloReply;
use chatmesh_proto::relay::v1::hello_reply::Reply;
use prost::Message as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex};

use super::*;

fn hello(min_version: u32, max_version: u32) -> Hello {
    Hello { min_version, max_version, agent_version: "1".to_owned(), instance_id: "i".to_owned() }
}

async fn say(io: &mut DuplexStream, hello: &Hello) {
    let message = hello.encode_to_vec();
    io.write_u32(message.len() as u32).await.expect("length");
    io.write_all(&message).await.expect("message");
}

async fn reply(io: &mut DuplexStream) -> Reply {
    let mut message = vec![0; io.read_u32().await.expect("length") as usize];
    io.read_exact(&mut message).await.expect("message");
    HelloReply::decode(message.as_slice()).expect("reply").reply.expect("reply")
}

async fn admit(_: Hello, version: u32) -> Result<Welcome, Refusal> {
    Ok(Welcome { version, ..Welcome::default() })
}

#[tokio::test]
async fn an_agent_in_a_common_version_is_welcomed() {
    let (mut agent, relay) = duplex(64 * 1024);
    say(&mut agent, &hello(1, 7)).await;
    let carrier = accept(relay, admit).await.expect("carrier");
    assert_eq!(carrier.hello.instance_id, "i");
    assert!(matches!(reply(&mut agent).await, Reply::Welcome(Welcome { version: 1, .. })));
}

#[tokio::test]
async fn an_agent_without_a_common_version_is_refused_for_good() {
    let (mut agent, relay) = duplex(64 * 1024);
    say(&mut agent, &hello(2, 3)).await;
    assert!(matches!(accept(relay, admit).await, Err(AcceptError::Refused(_))));
    assert!(matches!(reply(&mut agent).await, Reply::Refusal(Refusal { permanent: true, .. })));
}

#[tokio::test]
async fn an_agent_hears_why_it_is_refused() {
    let (mut agent, relay) = duplex(64 * 1024);
    say(&mut agent, &hello(1, 1)).await;
    let refusal = Refusal { message: "another build is newer".to_owned(), permanent: false };
    let refused = refusal.clone();
    assert!(matches!(accept(relay, async |_, _| Err(refused)).await, Err(AcceptError::Refused(_))));
    assert_eq!(reply(&mut agent).await, Reply::Refusal(refusal));
}

#[tokio::test(start_paused = true)]
async fn a_silent_agent_is_given_up_after_ten_seconds() {
    let (_agent, relay) = duplex(64 * 1024);
    let began = tokio::time::Instant::now();
    assert!(matches!(accept(relay, admit).await, Err(AcceptError::Timeout)));
    assert_eq!(began.elapsed().as_secs(), 10);
}

#[tokio::test]
async fn a_greeting_that_is_too_long_or_none_is_not_read() {
    let (mut agent, relay) = duplex(64 * 1024);
    agent.write_u32(64 * 1024 + 1).await.expect("length");
    assert!(matches!(accept(relay, admit).await, Err(AcceptError::Malformed(_))));

    let (mut agent, relay) = duplex(64 * 1024);
    agent.write_all(b"\0\0\0\x03GET").await.expect("message");
    assert!(matches!(accept(relay, admit).await, Err(AcceptError::Malformed(_))));
}

#[tokio::test]
async fn a_channel_learns_that_its_connection_is_gone() {
    let (mut agent, relay) = duplex(64 * 1024);
    say(&mut agent, &hello(1, 1)).await;
    let Carrier { channel, connection, .. } = accept(relay, admit).await.expect("carrier");
    assert!(!channel.is_closed());
    drop(connection);
    assert_eq!(channel.closed().await, Closed::ByRelay);

    let (mut agent, relay) = duplex(64 * 1024);
    say(&mut agent, &hello(1, 1)).await;
    let Carrier { channel, connection, .. } = accept(relay, admit).await.expect("carrier");
    channel.close();
    assert_eq!(connection.await, Closed::ByRelay);
    assert!(channel.is_closed());
}

/// An agent that shuts down says so first: calls that it has are answered, and new ones did not reach it.
#[tokio::test]
async fn an_agent_that_takes_no_more_calls_answers_those_that_it_has() {
    use http::{Request, Response};
    use hyper::server::conn::http2::Builder;
    use hyper::service::service_fn;
    use hyper_util::rt::{TokioExecutor, TokioIo};
    use tokio::sync::{Notify, oneshot};
    use tonic::body::Body;
    use tower::ServiceExt as _;

    let (mut agent, relay) = duplex(64 * 1024);
    say(&mut agent, &hello(1, 1)).await;
    let Carrier { channel, connection, .. } = accept(relay, admit).await.expect("carrier");
    let connection = tokio_util::task::TaskTracker::new().spawn(connection);
    reply(&mut agent).await;

    let (arrived, answers) = (std::sync::Arc::new(Notify::new()), std::sync::Arc::new(Notify::new()));
    let (shut_down, shutting_down) = oneshot::channel::<()>();
    let (has, may) = (arrived.clone(), answers.clone());
    let serving = tokio_util::task::TaskTracker::new().spawn(async move {
        let service = service_fn(move |_| {
            let (has, may) = (has.clone(), may.clone());
            async move {
                has.notify_one();
                may.notified().await;
                Ok::<_, std::convert::Infallible>(Response::new(Body::empty()))
            }
        });
        let serving = Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(agent), service);
        let mut serving = std::pin::pin!(serving);
        tokio::select! {
            ended = &mut serving => return ended,
            _ = shutting_down => serving.as_mut().graceful_shutdown(),
        }
        serving.await
    });

    let call = || channel.clone().oneshot(Request::post("/a/B").body(Body::empty()).expect("a request"));
    let first = tokio_util::task::TaskTracker::new().spawn(call());
    arrived.notified().await;
    shut_down.send(()).expect("listens");
    // Until the relay has heard of it, calls still arrive.
    while !channel.is_closed() {
        tokio::select! {
            refused = call() => assert_eq!(refused.expect_err("no new call").code(), tonic::Code::Unavailable),
            () = arrived.notified() => {}
        }
    }
    answers.notify_waiters();
    assert!(first.await.expect("no panic").is_ok(), "the answer comes");
    assert_eq!(connection.await.expect("no panic"), Closed::ByAgent);
    drop(serving);
}
