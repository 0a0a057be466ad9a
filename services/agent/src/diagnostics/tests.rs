use std::time::Duration;

use bytes::Bytes;
use chatmesh_proto::agent::v1 as pb;
use chatmesh_rpc::Code;
use futures::{StreamExt as _, stream};

use super::throughput::{MAX_BYTES, download, upload};
use super::{network, system};

#[tokio::test]
async fn a_download_has_exactly_the_bytes_that_were_asked_for() {
    for bytes in [1, 65_535, 65_536, 65_537, 1_000_000] {
        let request = pb::TestDownloadRequest { max_bytes: bytes, max_duration_ms: 0 };
        let pieces: Vec<_> = download(request).expect("valid").collect().await;
        assert_eq!(pieces.iter().map(|piece| piece.data.len() as u64).sum::<u64>(), bytes);
        assert!(pieces.iter().all(|piece| piece.data.len() <= 64 * 1024));
    }
}

#[tokio::test(start_paused = true)]
async fn a_download_ends_when_its_time_is_over() {
    let mut pieces =
        Box::pin(download(pb::TestDownloadRequest { max_bytes: 0, max_duration_ms: 1500 }).expect("valid"));
    assert!(pieces.next().await.is_some());
    tokio::time::advance(Duration::from_millis(1499)).await;
    assert!(pieces.next().await.is_some());
    tokio::time::advance(Duration::from_millis(1)).await;
    assert!(pieces.next().await.is_none());
}

#[test]
fn a_download_without_a_bound_or_with_too_large_a_one_is_refused() {
    for (max_bytes, max_duration_ms) in [(0, 0), (MAX_BYTES + 1, 0), (1, 60_001)] {
        let error = download(pb::TestDownloadRequest { max_bytes, max_duration_ms }).err().expect("refused");
        assert_eq!(error.code(), Code::InvalidArgument);
    }
}

#[tokio::test(start_paused = true)]
async fn an_upload_is_counted_and_timed_from_the_first_message_to_the_last() {
    let pieces = stream::iter([100, 0, 65_536]).then(|size| async move {
        tokio::time::sleep(Duration::from_millis(10)).await;
        Ok(pb::TestUploadRequest { data: Bytes::from(vec![0; size]) })
    });
    let response = upload(Box::pin(pieces)).await.expect("received");
    assert_eq!(response, pb::TestUploadResponse { received_bytes: 65_636, duration_us: 20_000 });
    let nothing = upload(stream::empty()).await.expect("received");
    assert_eq!(nothing, pb::TestUploadResponse::default());
}

#[tokio::test(start_paused = true)]
async fn an_upload_ends_after_a_minute_and_takes_no_large_messages() {
    let began = tokio::time::Instant::now();
    upload(stream::pending()).await.expect("ended");
    assert_eq!(began.elapsed().as_secs(), 60);
    let large = stream::iter([Ok(pb::TestUploadRequest { data: Bytes::from(vec![0; 65_537]) })]);
    assert_eq!(upload(large).await.expect_err("refused").code(), Code::InvalidArgument);
}

#[test]
fn the_system_says_what_it_is() {
    let facts = system::facts();
    assert!(!facts.os.is_empty() && !facts.kernel.is_empty() && !facts.hostname.is_empty());
    assert_eq!(facts.architecture, std::env::consts::ARCH);
    assert!(facts.cpus >= 1);
    assert!(facts.memory_bytes >= facts.available_memory_bytes);
    assert!(system::resident_bytes().is_some_and(|bytes| bytes > 1024 * 1024));
    assert_eq!(super::bounded(&"\u{e9}".repeat(200)).len(), 256);
}

#[test]
fn the_loopback_interface_is_listed_with_its_address() {
    let interfaces = network::interfaces();
    let loopback = interfaces.iter().find(|interface| interface.is_loopback).expect("there is one");
    assert!(loopback.addresses.iter().any(|address| address == "127.0.0.1"), "{loopback:?}");
    assert!(loopback.mtu.is_some_and(|mtu| mtu >= 1280));
}
