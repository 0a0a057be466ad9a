//! An agent of an old release: it greets, and knows no service.

use std::net::SocketAddr;

use chatmesh_core::Uuid;
use chatmesh_proto::relay::v1::hello_reply::Reply;
use chatmesh_proto::relay::v1::{Hello, HelloReply};
use prost::Message as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tonic::service::Routes;
use tonic::transport::Server;

/// Connects once and serves until the relay is gone.
pub(crate) async fn run(id: Uuid, relay: SocketAddr) {
    let mut io = TcpStream::connect(relay).await.expect("a connection");
    let request = format!(
        "GET /relay/v1/connect HTTP/1.1\r\nHost: relay\r\nAuthorization: Bearer {id}\r\n\
         Connection: upgrade\r\nUpgrade: chatmesh-agent\r\n\r\n"
    );
    io.write_all(request.as_bytes()).await.expect("sent");
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(io.read_u8().await.expect("an answer"));
    }
    assert!(head.starts_with(b"HTTP/1.1 101"), "{}", String::from_utf8_lossy(&head));

    let hello = Hello { min_version: 1, max_version: 1, ..Hello::default() }.encode_to_vec();
    io.write_u32(hello.len().try_into().expect("short")).await.expect("sent");
    io.write_all(&hello).await.expect("sent");
    let length = io.read_u32().await.expect("a length");
    let mut reply = vec![0; length as usize];
    io.read_exact(&mut reply).await.expect("a reply");
    let reply = HelloReply::decode(reply.as_slice()).expect("a reply").reply;
    assert!(matches!(reply, Some(Reply::Welcome(_))), "{reply:?}");

    let connection = futures::stream::iter([Ok::<_, std::io::Error>(io)]);
    // How the connection ends is the relay's matter.
    let _ = Server::builder().add_routes(Routes::default()).serve_with_incoming(connection).await;
}
