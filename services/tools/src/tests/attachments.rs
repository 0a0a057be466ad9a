//! Files for the chat, from what a model writes to what the chat is given.

use bytes::Bytes;
use chatmesh_proto::agent::v1 as agent;
use chatmesh_proto::agent::v1::read_file_response::Body;
use chatmesh_proto::tools::v1::{CallToolRequest, ToolAttachment};
use chatmesh_rpc::Code;
use serde_json::{Value, json};
use tonic::Status;

use super::workspace::{Called, Processes, World};

const LIMIT: u64 = 10 * 1024 * 1024;
const PIECE: usize = 64 * 1024;

fn header(size_bytes: u64, media_type: &str) -> Result<Body, Status> {
    Ok(Body::Header(agent::ReadFileHeader { size_bytes, media_type: media_type.to_owned(), ..Default::default() }))
}

/// A file as the agent sends it; `says` is the size that it says it has.
fn file(data: &[u8], says: u64, media_type: &str) -> Vec<Result<Body, Status>> {
    let data = data.chunks(PIECE).map(|piece| Ok(Body::Data(Bytes::copy_from_slice(piece))));
    std::iter::once(header(says, media_type)).chain(data).collect()
}

async fn attach(world: &World, args: &Value) -> Called {
    world.called("attach_file", &args.to_string(), CallToolRequest::default()).await
}

async fn refused(world: &World) -> Value {
    let called = attach(world, &json!({"path": "/w/a"})).await;
    assert!(called.is_error && called.attachment.is_none(), "{called:?}");
    called.result["error"].clone()
}

/// Byte for byte, also where it is as long as it may be; the chat is told what it is called and what its name suggests.
#[tokio::test(start_paused = true)]
async fn a_file_is_given_to_the_chat_whole() {
    let world = World::new();
    for size in [1, PIECE, PIECE + 1, 10 * 1024 * 1024] {
        let data: Vec<u8> = (0..size).map(|at| (at % 251) as u8).collect();
        world.workspace.has.lock().files.pieces = file(&data, size as u64, "image/png");
        let called = attach(&world, &json!({"path": "/w/out/plot.png"})).await;
        assert_eq!((called.is_error, called.result), (false, json!({"ok": true, "path": "/w/out/plot.png"})));
        let given = ToolAttachment {
            name: "plot.png".to_owned(),
            media_type: "image/png".to_owned(),
            data: data.into(),
            best_effort: false,
        };
        assert!(called.attachment == Some(given), "{size} bytes");
    }
    let named = attach(&world, &json!({"path": "/w/out/plot.png", "name": "Q3.png"})).await;
    assert_eq!(named.attachment.map(|given| given.name).as_deref(), Some("Q3.png"));
    let opened = world.workspace.has.lock().files.opened.pop().expect("it was asked for");
    assert_eq!((opened.path.as_str(), opened.offset, opened.limit), ("/w/out/plot.png", 0, LIMIT + 1));
}

#[tokio::test(start_paused = true)]
async fn what_is_empty_or_too_long_is_no_attachment() {
    let world = World::new();
    let has = |pieces| world.workspace.has.lock().files.pieces = pieces;
    has(file(b"", 0, "text/plain"));
    assert_eq!(refused(&world).await, "`/w/a` is empty: there is nothing to attach");

    // It is not even read.
    has(vec![header(LIMIT + 1, "text/plain"), Err(Status::internal("nobody reads so far"))]);
    let advice = "attach a smaller version or a part of it";
    let known = format!("`/w/a` has 10485761 bytes, more than the limit of 10485760 bytes: {advice}");
    assert_eq!(refused(&world).await, known);

    // One that the system makes up, and one that grows while it is read.
    let long = vec![b'x'; usize::try_from(LIMIT).expect("it fits") + 1];
    for says in [0, 1000] {
        has(file(&long, says, "text/plain"));
        assert_eq!(refused(&world).await, format!("`/w/a` has more than the limit of 10485760 bytes: {advice}"));
    }
}

/// What the agent finds wrong reaches the model word by word.
#[tokio::test(start_paused = true)]
async fn a_file_that_cannot_be_read_says_why() {
    let world = World::new();
    for (code, reason, message) in [
        (Code::NotFound, "FILE_NOT_FOUND", "can not read `/w/a`: it does not exist"),
        (Code::FailedPrecondition, "FILE_UNSUITABLE", "`/w/a` is a directory"),
        (Code::PermissionDenied, "FILE_PERMISSION_DENIED", "can not read `/w/a`: permission denied"),
    ] {
        world.workspace.has.lock().files.pieces = vec![Err(Processes::error(code, reason, message))];
        assert_eq!(refused(&world).await, message, "{reason}");
    }
    let changed = Processes::error(Code::Aborted, "FILE_CHANGED", "`/w/a` became shorter while it was read");
    world.workspace.has.lock().files.pieces = vec![header(9, ""), Err(changed)];
    assert_eq!(refused(&world).await, "`/w/a` became shorter while it was read");
    assert_eq!(world.workspace.has.lock().files.opened.len(), 4, "once each");
}

/// Half a file is nothing that a chat could show: where the connection breaks, it is read from its beginning.
#[tokio::test(start_paused = true)]
async fn a_file_whose_reading_breaks_off_is_read_again_whole() {
    let world = World::new();
    let whole = file(b"0123456789", 10, "text/plain");
    let lost =
        chatmesh_rpc::status_with_reason(Code::Unavailable, "AGENT_CONNECTION_LOST", "chatmesh.relay.v1", "lost");
    world.workspace.has.lock().files.pieces = vec![header(10, "text/plain"), Ok(Body::Data("01234".into())), Err(lost)];
    let mends = async {
        tokio::time::sleep(std::time::Duration::from_secs(3)).await;
        world.workspace.has.lock().files.pieces = whole;
    };
    let args = json!({"path": "/w/a"});
    let (called, ()) = tokio::join!(attach(&world, &args), mends);
    assert_eq!(called.attachment.map(|given| given.data).as_deref(), Some(&b"0123456789"[..]), "{:?}", called.result);
}
