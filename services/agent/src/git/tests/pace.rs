//! When repositories are scanned, and how often.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use parking_lot::{Condvar, Mutex};
use tokio::time::{Instant, advance, sleep, timeout};

use super::watch::Watch;
use super::*;
use crate::chat::ChatId;
use crate::git::GitApi;
use crate::git::registry::{Limits, Registry};
use crate::touched::Touched;

/// Counts scans in place of making them.
#[derive(Clone, Default)]
struct Counter {
    began: Arc<Mutex<Vec<Instant>>>,
}

impl Counter {
    /// A registry in which each scan finds something new.
    fn registry(&self) -> Registry {
        let began = Arc::clone(&self.began);
        Registry::new(Limits::default(), move |_, _| {
            let mut began = began.lock();
            began.push(Instant::now());
            Outcome::State(State { branch: began.len().to_string(), ..State::default() })
        })
    }

    fn count(&self) -> usize {
        self.began.lock().len()
    }

    fn gaps(&self) -> Vec<Duration> {
        self.began.lock().windows(2).map(|pair| pair[1] - pair[0]).collect()
    }
}

/// G01: cooldown coalescing.
#[tokio::test(start_paused = true)]
async fn g01_many_wakes_are_one_scan_and_scans_are_a_second_apart() {
    let counter = Counter::default();
    let scanner = counter.registry().scanner(Path::new("/r"));
    for _ in 0..1000 {
        scanner.wake();
        sleep(Duration::from_millis(10)).await;
    }
    let count = counter.count();
    assert!((10..=11).contains(&count), "{count} scans in ten seconds");
    assert!(counter.gaps().iter().all(|gap| *gap >= Duration::from_secs(1)), "{:?}", counter.gaps());
    sleep(Duration::from_secs(5)).await;
    assert!(counter.count() <= count + 1, "nothing is left over");
}

/// G01: fallback poll.
#[tokio::test(start_paused = true)]
async fn g01_a_scanner_that_nothing_wakes_scans_every_thirty_seconds() {
    let counter = Counter::default();
    let _scanner = counter.registry().scanner(Path::new("/r"));
    sleep(Duration::from_secs(301)).await;
    assert_eq!(counter.gaps(), [Duration::from_secs(30); 10]);
}

/// G01: a diff is made when there is room for it: many that wait would take much memory.
#[tokio::test(start_paused = true)]
async fn g01_a_reader_that_was_slow_gets_the_newest_state_of_a_repository() {
    let repositories = [Repository::with(&[]), Repository::with(&[])];
    let (counter, touched, chat) = (Counter::default(), Touched::default(), ChatId::for_test("c"));
    for repository in &repositories {
        touched.touch(Some(&chat), &repository.root);
    }
    let api = GitApi::with(touched, counter.registry());
    let mut watch = Watch::begin(&api, Some("c"));
    sleep(Duration::from_secs(301)).await;
    watch.repository().await;
    let second: usize = watch.repository().await.branch.parse().expect("a number");
    assert!(counter.count() > 10 && second + 2 >= counter.count(), "{second} of {}", counter.count());
}

/// G01: N viewers share one scanner.
#[tokio::test(start_paused = true)]
async fn g01_ten_viewers_cost_as_many_scans_as_one() {
    let repository = Repository::with(&[]);
    let mut counts = Vec::new();
    for viewers in [1, 10] {
        let counter = Counter::default();
        let touched = Touched::default();
        let chat = ChatId::for_test("c");
        touched.touch(Some(&chat), &repository.root);
        let api = GitApi::with(touched.clone(), counter.registry());
        let mut watches: Vec<Watch> = (0..viewers).map(|_| Watch::begin(&api, Some("c"))).collect();
        for _ in 0..100 {
            touched.touch(Some(&chat), &repository.root);
            sleep(Duration::from_millis(100)).await;
            for watch in &mut watches {
                watch.drain();
            }
        }
        counts.push(counter.count());
        let late = Watch::begin(&api, Some("c")).repository().await;
        assert!(!late.branch.is_empty(), "who comes late sees at once what is known");
    }
    assert!(counts[1] <= counts[0] + 1, "{counts:?}");
}

#[tokio::test(start_paused = true)]
async fn a_scanner_ends_with_its_last_viewer_and_a_new_one_keeps_the_pace() {
    let counter = Counter::default();
    let registry = counter.registry();
    for _ in 0..100 {
        let scanner = registry.scanner(Path::new("/r"));
        while scanner.latest().is_none() && counter.count() == 0 {
            tokio::task::yield_now().await;
        }
        sleep(Duration::from_millis(50)).await;
    }
    assert!(counter.gaps().iter().all(|gap| *gap >= Duration::from_secs(1)), "{:?}", counter.gaps());
    assert!((4..=6).contains(&counter.count()), "{}", counter.count());
    let count = counter.count();
    sleep(Duration::from_secs(600)).await;
    assert_eq!(counter.count(), count, "nobody watches any more");
}

/// A disk that does not answer until it is let go.
#[derive(Clone, Default)]
struct Stuck {
    state: Arc<(Mutex<(bool, usize)>, Condvar)>,
}

impl Stuck {
    fn read(&self, cancelled: &AtomicBool) -> Outcome {
        let (state, free) = &*self.state;
        let mut state = state.lock();
        state.1 += 1;
        free.wait_while(&mut state, |(is_free, _)| !*is_free);
        let branch = if cancelled.load(Ordering::Relaxed) { "cancelled" } else { "free" };
        Outcome::State(State { branch: branch.to_owned(), ..State::default() })
    }

    fn let_go(&self) {
        self.state.0.lock().0 = true;
        self.state.1.notify_all();
    }

    fn count(&self) -> usize {
        self.state.0.lock().1
    }
}

/// Lets the time go on although a thread is busy, which holds up time that only waits.
async fn pass(seconds: usize) {
    for _ in 0..seconds * 10 {
        advance(Duration::from_millis(100)).await;
        tokio::task::yield_now().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_disk_that_hangs_is_told_within_the_deadline_and_holds_one_thread() {
    let stuck = Stuck::default();
    let disk = stuck.clone();
    let registry = Registry::new(Limits::default(), move |_, cancelled| disk.read(cancelled));
    let scanner = registry.scanner(Path::new("/r"));
    while stuck.count() == 0 {
        tokio::task::yield_now().await;
    }
    pass(19).await;
    assert!(scanner.latest().is_none(), "it may still answer");
    pass(2).await;
    let problem = Outcome::Failed("the repository could not be read within 20 seconds".to_owned());
    assert_eq!(scanner.latest().expect("told").outcome, problem);
    for _ in 0..10 {
        scanner.wake();
        pass(30).await;
    }
    assert_eq!(stuck.count(), 1, "nothing is piled up behind it");
    let mut published = registry.subscribe();
    stuck.let_go();
    timeout(Duration::from_secs(90), published.changed()).await.expect("it goes on").expect("open");
    let state = Outcome::State(State { branch: "free".to_owned(), ..State::default() });
    assert_eq!(scanner.latest().expect("read").outcome, state, "what the late scan found is not believed");
}
