//! TCP connections to ports, as WebSockets.

use chatmesh_mesh_tests::PATIENCE;
use futures::{SinkExt as _, StreamExt as _};
use serde_json::json;
use tokio::io::AsyncReadExt as _;
use tokio_tungstenite::tungstenite::Message;

use crate::app::{Free, Peer};
use crate::wire::Wire;
use crate::with_workspace;

const TOTAL: usize = 8 * 1024 * 1024;

#[tokio::test(flavor = "multi_thread")]
async fn eight_mebibytes_each_way_arrive_as_they_were_sent() {
    with_workspace(async |mesh, workspace| {
        let peer = Peer::start().await;
        let mut wire = Wire::open(mesh, &format!("{workspace}/ports/{}:connect", peer.port)).await;
        let (count, ()) = tokio::join!(peer.echo(), async {
            let connected = wire.event().await;
            assert_eq!(connected["connected"]["address"], format!("127.0.0.1:{}", peer.port));
            let sent: Vec<u8> = (0..TOTAL).map(|index| (index % 253) as u8).collect();
            let (mut sink, mut source) = wire.split();
            let up = async {
                // Longer than what an agent takes at once.
                for piece in sent.chunks(300_000) {
                    sink.send(Message::Binary(piece.to_vec().into())).await.expect("sent");
                }
                sink.send(Message::Text(r#"{"end":{}}"#.into())).await.expect("sent");
            };
            let down = async {
                let mut received = Vec::new();
                while let Some(message) = source.next().await {
                    match message.expect("a message") {
                        Message::Binary(bytes) => received.extend_from_slice(&bytes),
                        Message::Text(text) => assert_eq!(text.as_str(), r#"{"end":{}}"#),
                        Message::Close(frame) => assert_eq!(u16::from(frame.expect("a reason").code), 1000),
                        _ => {}
                    }
                }
                received
            };
            let ((), received) = tokio::join!(up, down);
            assert!(received == sent, "{} of {TOTAL} bytes came back, or others", received.len());
        });
        assert_eq!(count, TOTAL as u64);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_direction_ends_by_itself() {
    with_workspace(async |mesh, workspace| {
        let peer = Peer::start().await;
        let mut wire = Wire::open(mesh, &format!("{workspace}/ports/{}:connect", peer.port)).await;
        let (heard, ()) = tokio::join!(peer.speak_and_listen("first"), async {
            wire.event().await;
            wire.until("first").await;
            assert_eq!(wire.event().await, json!({"end": {}}));
            wire.send("after its end").await;
            wire.say(r#"{"end":{}}"#).await;
            assert_eq!(wire.closed().await, 1000);
        });
        assert_eq!(heard, "after its end");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_vanishes_does_not_look_like_one_that_has_said_everything() {
    with_workspace(async |mesh, workspace| {
        let peer = Peer::start().await;
        let mut wire = Wire::open(mesh, &format!("{workspace}/ports/{}:connect", peer.port)).await;
        let mut stream = peer.accept().await;
        wire.event().await;
        wire.send("half of a").await;
        let mut heard = [0; 9];
        stream.read_exact(&mut heard).await.expect("heard");
        wire.vanish();
        let end = tokio::time::timeout(PATIENCE, stream.read(&mut heard)).await.expect("an end in time");
        assert_eq!(end.expect_err("no end of file").kind(), std::io::ErrorKind::ConnectionReset);

        let free = Free::keep();
        let authorization = format!("Bearer {}", mesh.admin().token());
        let path = format!("{workspace}/ports/{}:connect", free.port);
        let refused = Wire::try_open(mesh, &path, &[("authorization", &authorization)]).await;
        let (status, body) = refused.map(drop).expect_err("refused");
        assert_eq!((status, &body["details"][0]["reason"]), (502, &json!("PORT_NOT_LISTENING")), "{body}");
    })
    .await;
}
