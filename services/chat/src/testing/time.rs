//! Time that moves when a test says so.

use std::fmt::Debug;
use std::sync::mpsc;
use std::time::{Duration, Instant};

/// How long, on a clock on the wall, a test waits for what should take a moment.
const PATIENCE: Duration = Duration::from_secs(30);

/// How far time moves at once, at most. In between the database has a millisecond: whoever waits for it for some
/// seconds at most waits for as many times four milliseconds.
const STEP: Duration = Duration::from_millis(250);

/// Keeps paused time from moving by itself. The runtime takes a wait for the database, which answers from
/// a thread of its own, for idleness, and would let every timeout expire; it does not while a blocking
/// task runs.
#[derive(Debug)]
pub(crate) struct Standstill {
    _end: mpsc::Sender<()>,
}

impl Standstill {
    /// For as long as this is held. The test's time must be paused.
    pub(crate) fn begin() -> Self {
        let (end, ended) = mpsc::channel::<()>();
        drop(tokio::task::spawn_blocking(move || ended.recv()));
        Self { _end: end }
    }
}

/// Lets time pass, and those who waited for it run. It goes in steps: were it to jump, a question to the
/// database would be over its time before it had any.
pub(crate) async fn pass(duration: Duration) {
    let mut left = duration;
    while !left.is_zero() {
        let step = left.min(STEP);
        tokio::time::advance(step).await;
        pause(Duration::from_millis(1)).await;
        left -= step;
    }
}

/// Lets other tasks and the database work for a moment.
pub(crate) async fn breathe() {
    pause(Duration::from_micros(300)).await;
}

/// Waits on a clock on the wall.
async fn pause(duration: Duration) {
    let pause = tokio::task::spawn_blocking(move || std::thread::sleep(duration));
    pause.await.expect("a pause");
}

/// Looks until `done` holds of what `look` returns, and returns that.
pub(crate) async fn eventually<T: Debug>(what: &str, mut look: impl AsyncFnMut() -> T, done: impl Fn(&T) -> bool) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let seen = look().await;
        if done(&seen) {
            return seen;
        }
        assert!(Instant::now() < deadline, "{what}: not after {PATIENCE:?}; last seen: {seen:#?}");
        breathe().await;
    }
}
