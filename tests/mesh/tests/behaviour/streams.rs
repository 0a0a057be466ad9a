//! Several readers of one chat.

use std::time::Duration;

use chatmesh_mesh_tests::{Mesh, Transcript};
use chatmesh_testkit::simulator::{Script, Step};
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};

use super::text_of;

/// More than the sockets between the mesh and a reader hold: live, and once more as a message.
const ANSWER_BYTES: usize = 6 * 1024 * 1024;
const PIECE: usize = 64 * 1024;

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_that_does_not_read_holds_no_other_reader_up() {
    let long = Step::text("x".repeat(ANSWER_BYTES)).delta_characters(PIECE);
    Mesh::run(vec![Script::new("long").step(Step::text("Hello.")).step(long)], async |mesh| {
        let chat = mesh.admin().chat("long", "Hello.").await;
        let mut idle = idle_reader(mesh, &chat).await;
        let mut reader = mesh.admin().follow(&chat, 0).await;
        reader.until_idle().await;
        mesh.admin().say(&chat, "Tell me everything.").await;
        let is_answer = |event: &Value| {
            let message = &event["message"];
            message["role"] == "ROLE_ASSISTANT" && text_of(message).len() == ANSWER_BYTES
        };
        let events = reader.until(is_answer).await;
        let live: usize = events.iter().map(|event| text_len(&event["message_part"]["part"])).sum();
        // Of an answer this long, a reader who comes late to it sees the end alone.
        assert!(live > 0, "nothing was shown live");

        // What was held back for the other one is there when it reads at last.
        let mut read = 0;
        let mut buffer = vec![0; PIECE];
        while read < ANSWER_BYTES {
            let bytes = idle.read(&mut buffer).await.expect("the stream holds");
            assert!(bytes > 0, "the stream ended after {read} bytes");
            read += bytes;
        }
    })
    .await;
}

/// Opens the stream of a chat and reads nothing.
async fn idle_reader(mesh: &Mesh, chat: &str) -> TcpStream {
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.set_recv_buffer_size(4096).expect("a small buffer");
    let address = mesh.url().strip_prefix("http://").expect("a plain address").parse().expect("an address");
    let mut stream = socket.connect(address).await.expect("a connection");
    let request = format!(
        "GET /api/v1/chats/{chat}/stream HTTP/1.1\r\nHost: mesh\r\nAuthorization: Bearer {}\r\n\r\n",
        mesh.admin().token()
    );
    stream.write_all(request.as_bytes()).await.expect("sent");
    let mut head = [0; 15];
    stream.read_exact(&mut head).await.expect("an answer");
    assert_eq!(&head, b"HTTP/1.1 200 OK");
    stream
}

fn text_len(part: &Value) -> usize {
    part["text"].as_str().map_or(0, str::len)
}

#[tokio::test(flavor = "multi_thread")]
async fn all_readers_of_a_chat_get_the_same_messages() {
    let step = Step::text("One word after the other.").delta_characters(3).delta_delay(Duration::from_millis(5));
    Mesh::run(vec![Script::new("model").step(step).looped()], async |mesh| {
        let chat = mesh.admin().chat("model", "Go on.").await;
        let (mut early, mut other) = (mesh.admin().follow(&chat, 0).await, mesh.admin().follow(&chat, 0).await);
        let (first, second) = tokio::join!(early.until_idle(), other.until_idle());
        let late = mesh.admin().follow(&chat, 0).await.until_idle().await;

        let stored = mesh.admin().messages(&chat).await;
        assert_eq!(stored.len(), 2);
        for events in [first, second, late] {
            let mut transcript = Transcript::default();
            events.iter().for_each(|event| transcript.apply(event));
            assert_eq!(transcript.messages(), stored);
            assert!(events.iter().all(|event| event["chat_id"] == chat.as_str()), "events of another chat");
        }
    })
    .await;
}
