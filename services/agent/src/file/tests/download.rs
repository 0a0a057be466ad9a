use std::os::unix::fs::symlink;

use chatmesh_proto::agent::v1::read_file_response::Body;
use futures::StreamExt as _;
use nix::sys::stat::Mode;

use super::super::download;
use super::*;

/// What a download says first, and its bytes.
async fn download(path: &Path, offset: u64, limit: u64) -> Result<(pb::ReadFileHeader, Vec<u8>), Status> {
    let request = pb::ReadFileRequest { path: path.to_str().expect("path").to_owned(), offset, limit };
    let mut messages = Box::pin(download::read(request).await?);
    let Some(Body::Header(header)) = messages.next().await.expect("a message")?.body else { panic!("no header") };
    let mut bytes = Vec::new();
    while let Some(message) = messages.next().await {
        let Some(Body::Data(data)) = message?.body else { panic!("no data") };
        assert!((1..=64 * 1024).contains(&data.len()), "{} bytes in a message", data.len());
        bytes.extend_from_slice(&data);
    }
    Ok((header, bytes))
}

#[tokio::test]
async fn bytes_are_those_of_the_file_from_any_offset_and_to_any_limit() {
    let fixture = Fixture::new();
    for size in [0u64, 1, 64 * 1024, 64 * 1024 + 1, 512 * 1024, 1_500_000] {
        let content: Vec<u8> = (0..size).map(|at| (at * 31 % 251) as u8).collect();
        let path = fixture.file("data.png", &content);
        for offset in [0, 1, size / 2, size] {
            for limit in [0, 1, 70_000, u64::MAX] {
                if offset > size {
                    continue;
                }
                let (header, bytes) = download(&path, offset, limit).await.expect("read");
                let end = if limit == 0 { size } else { size.min(offset.saturating_add(limit)) };
                assert!(bytes == content[offset as usize..end as usize], "{size} bytes from {offset}, {limit} of them");
                assert_eq!((header.size_bytes, header.media_type.as_str()), (size, "image/png"));
                assert!(header.modify_time.is_some());
            }
        }
    }
}

#[tokio::test]
async fn files_that_say_no_size_are_read_to_their_end() {
    let (header, bytes) = download(Path::new("/proc/self/cmdline"), 0, 0).await.expect("read");
    assert_eq!(header.size_bytes, 0);
    assert_eq!(bytes, std::fs::read("/proc/self/cmdline").expect("read"));
}

/// A pipe would be waited for, and a device may never end.
#[tokio::test]
async fn what_is_no_regular_file_is_not_read() {
    let fixture = Fixture::new();
    let pipe = fixture.path("pipe");
    nix::unistd::mkfifo(&pipe, Mode::S_IRWXU).expect("pipe");
    symlink("pipe", fixture.path("link")).expect("link");
    let socket = fixture.path("socket");
    let _listener = std::os::unix::net::UnixListener::bind(&socket).expect("socket");
    for path in [&pipe, &fixture.path("link"), &socket, Path::new("/dev/zero"), fixture.dir.path()] {
        let status = download(path, 0, 0).await.expect_err("refused");
        assert_eq!(status.code(), Code::FailedPrecondition, "{}", path.display());
    }
    let missing = download(&fixture.path("missing"), 0, 0).await.expect_err("refused");
    assert_eq!((missing.code(), missing.message().contains("does not exist")), (Code::NotFound, true));
    assert_eq!(download(Path::new("relative"), 0, 0).await.expect_err("refused").code(), Code::InvalidArgument);
    let small = fixture.file("small", "abc");
    assert_eq!(download(&small, 4, 0).await.expect_err("refused").code(), Code::OutOfRange);
}

#[tokio::test]
async fn a_file_that_becomes_shorter_is_no_whole_one() {
    let fixture = Fixture::new();
    let path = fixture.file("log", vec![b'x'; 2_000_000]);
    let request = pb::ReadFileRequest { path: path.to_str().expect("path").to_owned(), ..Default::default() };
    let mut messages = Box::pin(download::read(request).await.expect("open"));
    messages.next().await.expect("a message").expect("the header");
    messages.next().await.expect("a message").expect("the first bytes");
    std::fs::write(&path, "short").expect("write");
    let rest: Vec<_> = messages.collect().await;
    let end = rest.last().expect("an end").as_ref().expect_err("an error");
    assert_eq!(end.code(), Code::Aborted);
}

#[tokio::test]
async fn what_is_appended_meanwhile_is_not_sent() {
    let fixture = Fixture::new();
    let path = fixture.file("log", vec![b'x'; 100_000]);
    let request = pb::ReadFileRequest { path: path.to_str().expect("path").to_owned(), ..Default::default() };
    let messages = download::read(request).await.expect("open");
    std::fs::write(&path, vec![b'x'; 200_000]).expect("write");
    let messages: Vec<_> = messages.collect().await;
    let bytes = messages.into_iter().map(|message| match message.expect("no error").body {
        Some(Body::Data(data)) => data.len(),
        _ => 0,
    });
    assert_eq!(bytes.sum::<usize>(), 100_000);
}
