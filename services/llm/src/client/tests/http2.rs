//! How a peer ends a stream of HTTP/2, and what it means.

use chatmesh_proto::common::v1::ErrorKind;
use h2::{Ping, Reason};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinSet;

use super::*;

const PART: &[u8] = b"data: {\"choices\":[{\"delta\":{\"content\":\"Hello\"}}]}\n\n";

#[derive(Clone, Copy)]
enum End {
    Reset(Reason),
    /// The stream is not even answered.
    Refusal(Reason),
    GoAway(Reason),
}

async fn ended_by(end: End) -> Folded {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let mut tasks = JoinSet::new();
    tasks.spawn(async move {
        let (socket, _) = listener.accept().await.unwrap();
        let mut connection = h2::server::handshake(socket).await.unwrap();
        let (request, mut respond) = connection.accept().await.unwrap().unwrap();
        let mut body = None;
        match end {
            End::Refusal(reason) => respond.send_reset(reason),
            End::Reset(_) | End::GoAway(_) => {
                let head = http::Response::builder().header("content-type", "text/event-stream").body(()).unwrap();
                let mut stream = respond.send_response(head, false).unwrap();
                stream.send_data(bytes::Bytes::from_static(PART), false).unwrap();
                body = Some(stream);
            }
        }
        // The reset must not overtake the data, so the request is read to its end first.
        let mut incoming = request.into_body();
        let drain = async { while matches!(incoming.data().await, Some(Ok(_))) {} };
        tokio::select! {
            () = drain => {}
            _ = connection.accept() => {}
        }
        match (end, body) {
            (End::Reset(reason), Some(mut body)) => {
                flush(&mut connection).await;
                body.send_reset(reason);
                while connection.accept().await.is_some() {}
            }
            (End::GoAway(reason), Some(_body)) => {
                flush(&mut connection).await;
                connection.abrupt_shutdown(reason);
                while connection.accept().await.is_some() {}
            }
            _ => while connection.accept().await.is_some() {},
        }
    });
    let responses: Vec<_> = http2_client().generate(target(url), request()).collect().await;
    Folded::of(responses.into_iter().map(|response| response.event.unwrap())).unwrap()
}

fn http2_client() -> ProviderClient {
    let _already_installed = rustls::crypto::ring::default_provider().install_default();
    let builder = reqwest::Client::builder().no_proxy().http2_prior_knowledge();
    ProviderClient::from_builder(builder).unwrap()
}

/// Lets the connection write what it has.
async fn flush<T>(connection: &mut h2::server::Connection<T, bytes::Bytes>)
where
    T: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
{
    for _ in 0..10 {
        tokio::select! {
            biased;
            _ = connection.accept() => return,
            () = tokio::task::yield_now() => {}
        }
    }
}

#[tokio::test]
async fn a_peer_that_sheds_load_may_be_asked_again() {
    for reason in
        [Reason::NO_ERROR, Reason::INTERNAL_ERROR, Reason::REFUSED_STREAM, Reason::CANCEL, Reason::ENHANCE_YOUR_CALM]
    {
        let folded = ended_by(End::Reset(reason)).await;
        assert_eq!(folded.error_kind(), (ErrorKind::Timeout, true), "{reason:?}: {:?}", folded.error());
    }
    let folded = ended_by(End::Refusal(Reason::REFUSED_STREAM)).await;
    assert_eq!(folded.error_kind(), (ErrorKind::Timeout, true));
}

#[tokio::test]
async fn a_peer_that_finds_fault_with_us_may_not() {
    for reason in
        [Reason::PROTOCOL_ERROR, Reason::FLOW_CONTROL_ERROR, Reason::FRAME_SIZE_ERROR, Reason::COMPRESSION_ERROR]
    {
        let folded = ended_by(End::Reset(reason)).await;
        assert_eq!(folded.error_kind(), (ErrorKind::Generic, false), "{reason:?}: {:?}", folded.error());
    }
}

#[tokio::test]
async fn a_peer_that_goes_away_may_be_asked_again() {
    for reason in [Reason::NO_ERROR, Reason::ENHANCE_YOUR_CALM] {
        let folded = ended_by(End::GoAway(reason)).await;
        assert_eq!(folded.error_kind(), (ErrorKind::Timeout, true), "{reason:?}: {:?}", folded.error());
    }
}

#[tokio::test]
async fn an_answer_of_many_tiny_frames_may_wait_for_its_reader() {
    const FRAMES: usize = 1000;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (arrived, all_arrived) = oneshot::channel();
    let mut tasks = JoinSet::new();
    tasks.spawn(async move {
        let (socket, _) = listener.accept().await.unwrap();
        let mut connection = h2::server::handshake(socket).await.unwrap();
        let (_request, mut respond) = connection.accept().await.unwrap().unwrap();
        let head = http::Response::builder().header("content-type", "text/event-stream").body(()).unwrap();
        let mut stream = respond.send_response(head, false).unwrap();
        for _ in 0..FRAMES {
            stream.send_data(bytes::Bytes::from_static(PART), false).unwrap();
        }
        stream.send_data(bytes::Bytes::from_static(ANSWER.as_bytes()), true).unwrap();
        // Frames are taken up in order: with the answer to a ping, the client has all that was sent before it. The
        // first one overtakes the data, which go out right after it; the second one follows them.
        let mut ping_pong = connection.ping_pong().unwrap();
        let answered = async {
            ping_pong.ping(Ping::opaque()).await?;
            ping_pong.ping(Ping::opaque()).await
        };
        tokio::select! {
            _ = answered => {}
            _ = connection.accept() => {}
        }
        let _is_awaited = arrived.send(());
        while connection.accept().await.is_some() {}
    });
    let client = http2_client();
    let mut answer = std::pin::pin!(client.generate(target(url), request()));
    let mut events = vec![answer.next().await.unwrap()];
    all_arrived.await.unwrap();
    events.extend(answer.collect::<Vec<_>>().await);
    let folded = Folded::of(events.into_iter().map(|response| response.event.unwrap())).unwrap();
    assert_eq!(
        (folded.lines(), folded.reason()),
        (vec![format!("text {}", "Hello".repeat(FRAMES + 1))], FinishReason::Stop)
    );
}
