use futures::stream;
use tokio::sync::mpsc;
use tokio_stream::wrappers::UnboundedReceiverStream;

use super::*;
use crate::codec::Codec;
use crate::codec::fold::{Folded, Outcome};
use crate::codec::openai_chat::COMPATIBLE;
use crate::codec::testing::context;
use chatmesh_proto::common::v1::ErrorKind;

const PART: &str = "data: {\"choices\":[{\"delta\":{\"content\":\"a\"}}]}\n\n";
const ROLE: &str = "data: {\"choices\":[{\"delta\":{\"role\":\"assistant\"}}]}\n\n";
const FINISH: &str = "data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n";
const COMMENT: &str = ": alive\n\n";
const SECOND: Duration = Duration::from_secs(1);

fn limits() -> Limits {
    let request =
        GenerateRequest { start_timeout_ms: 10_000, silence_timeout_ms: 30_000, ..GenerateRequest::default() };
    Limits::of(&request, Instant::now())
}

/// Sends the pieces, each after its pause, then stays silent or ends the body.
async fn answer(pieces: &[(u64, &str)], stays_open: bool) -> (Folded, Duration) {
    let (sender, receiver) = mpsc::unbounded_channel();
    let body = UnboundedReceiverStream::new(receiver);
    let began = Instant::now();
    let events = async {
        let events: Vec<_> = drive(body, COMPATIBLE.decoder(context()), limits()).collect().await;
        (events, began.elapsed())
    };
    let send = async {
        for (pause, piece) in pieces {
            tokio::time::sleep(SECOND * u32::try_from(*pause).unwrap()).await;
            // The reader may have given up.
            if sender.send(Ok(Bytes::copy_from_slice(piece.as_bytes()))).is_err() {
                return;
            }
        }
        if stays_open {
            sender.closed().await;
        }
        drop(sender);
    };
    let ((events, took), ()) = tokio::join!(events, send);
    (Folded::of(events).unwrap(), took)
}

#[tokio::test(start_paused = true)]
async fn the_first_part_must_come_in_time() {
    let (folded, took) = answer(&[], true).await;
    assert_eq!(folded.error_kind(), (ErrorKind::StreamSilenceTimeout, true));
    assert_eq!(took, SECOND * 10);
    // Signs of life are no part.
    let (folded, took) = answer(&[(4, COMMENT), (4, ROLE), (1, COMMENT)], true).await;
    assert_eq!(folded.error_kind(), (ErrorKind::StreamSilenceTimeout, true));
    assert!(!folded.error().partial_output);
    assert_eq!(took, SECOND * 10);
}

#[tokio::test(start_paused = true)]
async fn silence_counts_from_the_last_sign_of_life() {
    let (folded, took) = answer(&[(9, PART), (29, COMMENT), (29, ROLE), (29, PART)], true).await;
    assert_eq!(folded.error_kind(), (ErrorKind::StreamSilenceTimeout, true));
    assert!(folded.error().partial_output);
    assert_eq!(folded.lines(), ["text aa"]);
    assert_eq!(took, SECOND * (9 + 3 * 29 + 30));
}

#[tokio::test(start_paused = true)]
async fn timer_does_not_fire_on_a_healthy_stream() {
    // Hours altogether, though nobody is ever silent for long.
    let mut pieces = vec![(9, PART)];
    pieces.extend([(29, PART), (29, COMMENT), (29, ROLE)].repeat(200));
    pieces.extend([(29, FINISH), (1, "data: [DONE]\n\n")]);
    let (folded, took) = answer(&pieces, true).await;
    assert!(matches!(folded.outcome, Some(Outcome::Finished(_))), "{:?}", folded.outcome);
    assert_eq!(took, SECOND * (9 + 600 * 29 + 29 + 1));
}

#[tokio::test(start_paused = true)]
async fn timer_does_not_fire_on_a_part_that_came_with_it() {
    let body = || stream::iter([PART, FINISH].map(|piece| Ok(Bytes::from_static(piece.as_bytes()))));
    let now = Instant::now();
    for start in [now, now - SECOND] {
        let limits = Limits { start, silence: Duration::ZERO, ..limits() };
        let events: Vec<_> = drive(body(), COMPATIBLE.decoder(context()), limits).collect().await;
        let folded = Folded::of(events).unwrap();
        assert!(matches!(folded.outcome, Some(Outcome::Finished(_))), "{:?}", folded.outcome);
    }
}

#[tokio::test(start_paused = true)]
async fn timer_does_not_fire_while_the_reader_takes_its_time() {
    let pieces = [PART, PART, PART, FINISH].map(|piece| Ok(Bytes::from_static(piece.as_bytes())));
    let mut events = std::pin::pin!(drive(stream::iter(pieces), COMPATIBLE.decoder(context()), limits()));
    let mut read = Vec::new();
    while let Some(event) = events.next().await {
        read.push(event);
        tokio::time::sleep(SECOND * 3600).await;
    }
    let folded = Folded::of(read).unwrap();
    assert!(matches!(folded.outcome, Some(Outcome::Finished(_))), "{:?}", folded.outcome);
    assert_eq!(folded.lines(), ["text aaa"]);
}

#[tokio::test(start_paused = true)]
async fn timer_does_not_fire_on_the_end_of_a_complete_answer() {
    // The answer is complete, and what ends it comes when the silence would have been too long.
    let (folded, _) = answer(&[(9, PART), (29, FINISH), (4, ""), (1, "data: [DONE]\n\n")], true).await;
    assert!(matches!(folded.outcome, Some(Outcome::Finished(_))), "{:?}", folded.outcome);
}

#[tokio::test(start_paused = true)]
async fn bytes_that_are_no_event_yet_are_no_sign_of_life() {
    let (head, tail) = PART.split_at(9);
    let (folded, took) = answer(&[(1, PART), (20, head), (20, tail)], true).await;
    assert_eq!(folded.error_kind(), (ErrorKind::StreamSilenceTimeout, true));
    assert_eq!(took, SECOND * 31);
}

#[tokio::test(start_paused = true)]
async fn a_complete_answer_does_not_wait_for_the_end_of_the_connection() {
    let (folded, took) = answer(&[(1, PART), (1, FINISH)], true).await;
    assert!(matches!(folded.outcome, Some(Outcome::Finished(_))));
    assert_eq!(took, SECOND * 2 + LINGER);
    let (folded, took) = answer(&[(1, PART), (1, FINISH), (1, "data: [DONE]\n\n")], true).await;
    assert!(matches!(folded.outcome, Some(Outcome::Finished(_))));
    assert_eq!(took, SECOND * 3);
}

#[tokio::test(start_paused = true)]
async fn an_early_end_is_an_error() {
    let (folded, _) = answer(&[(1, PART)], false).await;
    assert_eq!(folded.error_kind(), (ErrorKind::Timeout, true));
    let (folded, _) = answer(&[], false).await;
    assert_eq!(folded.error_kind(), (ErrorKind::Timeout, true));
}

#[tokio::test]
async fn a_broken_body_is_an_error_unless_all_was_said() {
    let run = async |pieces: &[&'static str]| {
        let pieces: Vec<_> = pieces.iter().map(|piece| Ok(Bytes::from_static(piece.as_bytes()))).collect();
        let broken = Broken { transport: Transport::Unavailable, message: "connection reset".to_owned() };
        let body = stream::iter(pieces).chain(stream::iter([Err(broken)]));
        let events: Vec<_> = drive(body, COMPATIBLE.decoder(context()), limits()).collect().await;
        Folded::of(events).unwrap()
    };
    let torn = run(&[PART]).await;
    assert_eq!(torn.error_kind(), (ErrorKind::Timeout, true));
    assert_eq!((torn.error().partial_output, torn.error().detail.as_str()), (true, "connection reset"));
    assert!(matches!(run(&[PART, FINISH]).await.outcome, Some(Outcome::Finished(_))));
}

#[test]
fn limits_have_defaults() {
    let now = Instant::now();
    let limits = Limits::of(&GenerateRequest::default(), now);
    assert_eq!((limits.start, limits.silence), (now + SECOND * 60, SECOND * 600));
}

#[tokio::test(start_paused = true)]
async fn an_answer_without_end_is_cut_off() {
    let limits = Limits { max_bytes: 10 * PART.len(), ..limits() };
    let body = stream::repeat_with(|| Ok(Bytes::from_static(PART.as_bytes())));
    let events: Vec<_> = drive(body, COMPATIBLE.decoder(context()), limits).collect().await;
    let folded = Folded::of(events).unwrap();
    assert_eq!(folded.error().detail, "the answer is too long");
    assert!(folded.error().partial_output);
}
