//! Nobody who waits is forgotten: every order in which waiters and the process can take turns.
//!
//! A waiter here is a task of an executor in which only a task that was woken is polled. A wake-up
//! that is lost leaves its task unfinished for ever, which is what these tests look for.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use chatmesh_core::{Clock as _, SystemClock};
use chatmesh_proto::agent::v1::watch_process_response::Event;
use nix::unistd::Pid;

use super::super::entry::{About, Entry, Exit};
use super::super::viewer::Viewer;
use super::*;

/// What the waiters are to see in the end.
const WRITTEN: &[u8] = b"first second third";

/// One thing that happens. The number is that of a waiter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Write,
    Exit,
    Poll(usize),
    Drop(usize),
}

/// Follows the process and returns what it wrote.
type Following = Pin<Box<dyn Future<Output = Vec<u8>>>>;

/// A task: its future, and whether it was woken.
struct Task {
    future: Option<Following>,
    woken: Arc<Woken>,
    result: Option<Vec<u8>>,
}

struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::SeqCst);
    }
}

impl Task {
    fn new(future: impl Future<Output = Vec<u8>> + 'static) -> Self {
        // A task that was just spawned is due.
        Self { future: Some(Box::pin(future)), woken: Arc::new(Woken(AtomicBool::new(true))), result: None }
    }

    /// Polls the task if it was woken; says whether it was.
    fn run(&mut self) -> bool {
        let was_woken = self.woken.0.swap(false, Ordering::SeqCst);
        let waker = Waker::from(Arc::clone(&self.woken));
        if was_woken
            && let Some(future) = &mut self.future
            && let Poll::Ready(result) = future.as_mut().poll(&mut Context::from_waker(&waker))
        {
            self.result = Some(result);
            self.future = None;
        }
        was_woken
    }
}

fn entry() -> Arc<Entry> {
    let about = About {
        id: Uuid::nil(),
        command: "test".to_owned(),
        workdir: "/".into(),
        background: false,
        chat: None,
        key: None,
        start_time: SystemClock.now(),
    };
    Arc::new(Entry::new(about, Pid::from_raw(i32::MAX)))
}

async fn waits(entry: Arc<Entry>) -> Vec<u8> {
    entry.wait(LONG).await;
    let snapshot = entry.snapshot();
    assert!(!snapshot.process.running);
    snapshot.output.text.into_bytes()
}

/// Follows the process and puts together what it wrote.
async fn watches(entry: Arc<Entry>) -> Vec<u8> {
    let mut viewer = Viewer::new(entry, Some(0));
    let mut seen = Vec::new();
    while let Some(event) = viewer.next().await {
        match event {
            Event::Output(chunk) => {
                assert_eq!((chunk.offset, chunk.missed_bytes), (seen.len() as u64, 0));
                seen.extend_from_slice(&chunk.data);
            }
            Event::Ended(ended) => {
                assert_eq!(ended.output.expect("output").text.as_bytes(), seen);
            }
            Event::Heartbeat(_) => panic!("no time has passed"),
        }
    }
    seen
}

/// Plays one order of steps and lets the tasks that were woken run to the end.
fn play(order: &[Step], tasks: &mut [Task], entry: &Entry) {
    let mut pieces = WRITTEN.split_inclusive(|&byte| byte == b' ');
    for step in order {
        match *step {
            Step::Write => entry.output.write(pieces.next().expect("a piece")),
            Step::Exit => {
                entry.exit.send_replace(Some(Exit { code: 0, time: SystemClock.now() }));
            }
            Step::Poll(task) => {
                tasks[task].run();
            }
            Step::Drop(task) => tasks[task].future = None,
        }
    }
    while tasks.iter_mut().fold(false, |any, task| task.run() | any) {}
}

/// Calls `visit` with every order in which the steps of several actors can follow each other.
fn every_order(actors: &mut [&[Step]], order: &mut Vec<Step>, visit: &mut impl FnMut(&[Step])) {
    let mut is_over = true;
    for actor in 0..actors.len() {
        let steps = actors[actor];
        if let Some((step, rest)) = steps.split_first() {
            is_over = false;
            actors[actor] = rest;
            order.push(*step);
            every_order(actors, order, visit);
            order.pop();
            actors[actor] = steps;
        }
    }
    if is_over {
        visit(order);
    }
}

fn check_every_order(follow: fn(Arc<Entry>) -> Following) -> usize {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    let runtime = runtime.expect("runtime");
    let _guard = runtime.enter();
    let process = [Step::Write, Step::Write, Step::Write, Step::Exit];
    let (patient, hasty) = ([Step::Poll(0); 3], [Step::Poll(1), Step::Drop(1)]);
    let mut count = 0;
    every_order(&mut [&process, &patient, &hasty], &mut Vec::new(), &mut |order| {
        let entry = entry();
        let mut tasks = [Task::new(follow(Arc::clone(&entry))), Task::new(follow(Arc::clone(&entry)))];
        play(order, &mut tasks, &entry);
        assert_eq!(tasks[0].result.as_deref(), Some(WRITTEN), "left waiting after {order:?}");
        assert!(tasks[1].future.is_none());
        count += 1;
    });
    count
}

/// P05: the model of lost wake-ups.
#[test]
fn p05_no_order_of_polls_writes_exit_and_cancel_loses_the_wake_up_of_a_wait() {
    // 9! / (4! 3! 2!)
    assert_eq!(check_every_order(|entry| Box::pin(waits(entry))), 1260);
}

/// P05: the same for those who look on.
#[test]
fn p05_no_order_of_polls_writes_exit_and_cancel_loses_a_byte_or_the_end_for_a_viewer() {
    assert_eq!(check_every_order(|entry| Box::pin(watches(entry))), 1260);
}
