use std::time::Duration;

use chatmesh_core::SystemClock;
use tonic::Status;

use super::*;

/// Keeps what arrives; the first calls fail.
#[derive(Debug, Default)]
struct Kept {
    lines: Mutex<Vec<pb::JobLogLine>>,
    calls: Mutex<Vec<usize>>,
    failures: Mutex<VecDeque<Status>>,
    /// The answers of the failed calls were lost, but their lines have arrived.
    arrives_anyway: bool,
}

impl Sent for &Kept {
    async fn send(&self, lines: Vec<pb::JobLogLine>) -> Result<(), Status> {
        self.calls.lock().push(lines.len());
        let failure = self.failures.lock().pop_front();
        if failure.is_none() || self.arrives_anyway {
            let mut kept = self.lines.lock();
            let last = kept.last().map_or(0, |line| line.number);
            kept.extend(lines.into_iter().filter(|line| line.number > last));
        }
        failure.map_or(Ok(()), Err)
    }
}

impl Kept {
    fn texts(&self) -> Vec<String> {
        self.lines.lock().iter().map(|line| line.text.clone()).collect()
    }
}

fn log() -> JobLog {
    JobLog::new(Arc::new(SystemClock), ["s3cret", "other"].map(SecretString::from).to_vec())
}

const LONG: Duration = Duration::from_secs(60);

#[tokio::test(start_paused = true)]
async fn lines_arrive_once_in_order_with_numbers_whatever_is_lost_on_the_way() {
    for arrives_anyway in [false, true] {
        let kept = Kept { arrives_anyway, ..Kept::default() };
        kept.failures.lock().extend([Status::unavailable("down"), Status::deadline_exceeded("slow")]);
        let log = log();
        let mut sender = LogSender::new(log.clone(), &kept);
        log.info("pod", "one\ntwo");
        tokio::select! {
            never = sender.run() => match never {},
            // Dropped between two attempts.
            () = tokio::time::sleep(Duration::from_millis(50)) => {}
        }
        log.error("pod", "three");
        sender.flush(LONG).await;
        assert_eq!(kept.texts(), ["one", "two", "three"]);
        let lines = kept.lines.lock();
        assert!(lines.iter().map(|line| line.number).eq(1..=3));
        assert!(lines.iter().all(|line| line.stage == "pod" && line.time.is_some()));
        assert_eq!((lines[1].level(), lines[2].level()), (LogLevel::Info, LogLevel::Error));
    }
}

#[tokio::test(start_paused = true)]
async fn what_comes_while_it_runs_is_sent_in_batches_and_not_line_by_line() {
    let (kept, log) = (Kept::default(), log());
    let mut sender = LogSender::new(log.clone(), &kept);
    let talk = async {
        for number in 0..50 {
            log.info("pod", number.to_string());
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    };
    tokio::select! {
        never = sender.run() => match never {},
        () = talk => {}
    }
    assert_eq!(kept.texts().len(), 50);
    assert!(kept.calls.lock().len() <= 4, "{:?}", kept.calls.lock());
}

#[tokio::test(start_paused = true)]
async fn more_than_fits_is_left_out_and_the_log_says_where_and_how_much() {
    let (kept, log) = (Kept::default(), log());
    for number in 0..MAX_WAITING + 7 {
        log.info("pod", number.to_string());
    }
    let mut sender = LogSender::new(log.clone(), &kept);
    sender.flush(LONG).await;
    log.info("pod", "after");
    sender.flush(LONG).await;

    let texts = kept.texts();
    assert_eq!(texts.len(), MAX_WAITING + 2);
    assert_eq!(texts[MAX_WAITING - 1], (MAX_WAITING - 1).to_string());
    assert!(texts[MAX_WAITING].starts_with("7 lines were left out"), "{}", texts[MAX_WAITING]);
    assert_eq!(texts[MAX_WAITING + 1], "after");
    assert!(kept.lines.lock().iter().map(|line| line.number).eq(1..=2002));
    assert!(kept.calls.lock().iter().all(|lines| *lines <= MAX_BATCH));
}

#[tokio::test(start_paused = true)]
async fn a_call_stays_small_where_lines_are_long_and_long_lines_are_cut_between_characters() {
    let (kept, log) = (Kept::default(), log());
    for _ in 0..400 {
        log.info("pod", "ä".repeat(6000));
    }
    LogSender::new(log, &kept).flush(LONG).await;
    assert_eq!(kept.lines.lock().len(), 400);
    assert!(kept.calls.lock().iter().all(|lines| *lines <= 129), "{:?}", kept.calls.lock());
    let text = kept.texts()[0].clone();
    assert!(text.len() <= 8192 && text.ends_with("ä [...]"), "{}", text.len());
}

#[tokio::test(start_paused = true)]
async fn a_service_that_takes_no_log_is_asked_once() {
    for refusal in [Status::unimplemented("old"), Status::aborted("somebody else's")] {
        let (kept, log) = (Kept::default(), log());
        kept.failures.lock().push_back(refusal);
        let mut sender = LogSender::new(log.clone(), &kept);
        log.info("pod", "one");
        sender.flush(LONG).await;
        log.info("pod", "two");
        sender.flush(LONG).await;
        assert_eq!(*kept.calls.lock(), [1]);
        assert!(log.take(1).is_empty());
    }
}

#[tokio::test(start_paused = true)]
async fn a_flush_ends_in_time_where_nobody_answers() {
    let (kept, log) = (Kept::default(), log());
    kept.failures.lock().extend((0..1000).map(|_| Status::unavailable("down")));
    log.info("pod", "one");
    let begun = tokio::time::Instant::now();
    LogSender::new(log, &kept).flush(Duration::from_secs(5)).await;
    assert_eq!(begun.elapsed(), Duration::from_secs(5));
}

#[tokio::test(start_paused = true)]
async fn all_tokens_are_left_out_of_every_line() {
    let (kept, log) = (Kept::default(), log());
    log.error("pod", "cannot mount s3cret: no s3cret, other");
    LogSender::new(log, &kept).flush(LONG).await;
    assert_eq!(kept.texts(), ["cannot mount [token]: no [token], [token]"]);
}
