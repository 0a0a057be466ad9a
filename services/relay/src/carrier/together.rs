//! All parts of a connection on one task.
//!
//! HTTP/2 consists of several futures: one moves bytes, one takes calls, and each call has one or two. On
//! tasks of their own they run on several threads, wake each other across them, and wait for each other's
//! lock; what one call sends then goes out in several small pieces. On one task they take turns until none
//! has anything to do, without anybody else being woken, and to drop the task is to drop all of it.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use futures::StreamExt as _;
use futures::stream::FuturesUnordered;
use futures::task::AtomicWaker;
use hyper::rt::Executor;
use tokio::sync::mpsc;

/// How often the parts take turns before other tasks of the thread do.
const MAX_ROUNDS: usize = 32;

type Part = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Hands parts over to [`Parts`].
#[derive(Debug, Clone)]
pub(super) struct Together(mpsc::UnboundedSender<Part>);

/// Runs the parts; ends with the last of them.
#[derive(Debug)]
pub(super) struct Parts {
    // As many as there are calls, which are bounded.
    new: mpsc::UnboundedReceiver<Part>,
    running: FuturesUnordered<Part>,
    signal: Arc<Signal>,
    rounds: Arc<Rounds>,
}

/// Counts how often all parts had their turn. One of them may wait for the others.
#[derive(Debug, Default)]
pub(super) struct Rounds {
    /// 0 before the parts run.
    number: AtomicU64,
    waiting: AtomicWaker,
}

impl Rounds {
    /// The number of this round; `None` where the parts do not run yet.
    pub(super) fn number(&self) -> Option<u64> {
        Some(self.number.load(Ordering::SeqCst)).filter(|number| *number > 0)
    }

    /// Wakes this part in the next round, after all others that have something to do in this one.
    pub(super) fn wake_in_next(&self, cx: &Context<'_>) {
        self.waiting.register(cx.waker());
    }

    fn next(&self) {
        self.number.fetch_add(1, Ordering::SeqCst);
        self.waiting.wake();
    }
}

/// An executor, and what runs its futures. What is executed after the end of that does not run.
pub(super) fn together() -> (Together, Parts) {
    let (sender, new) = mpsc::unbounded_channel();
    (Together(sender), Parts { new, running: FuturesUnordered::new(), signal: Arc::default(), rounds: Arc::default() })
}

impl<F> Executor<F> for Together
where
    F: Future<Output = ()> + Send + 'static,
{
    fn execute(&self, part: F) {
        // The connection has ended where nobody takes it.
        let _ = self.0.send(Box::pin(part));
    }
}

/// Says that a part has something to do: to the task where it sleeps, and to its loop where it runs. A task
/// that is woken while it runs is queued again, and another thread is woken for the queue.
#[derive(Debug, Default)]
struct Signal {
    task: AtomicWaker,
    is_running: AtomicBool,
    is_wanted: AtomicBool,
}

impl Wake for Signal {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        // In this order: `Parts::poll` says first that it does not run, and looks then whether it is wanted. Swapped,
        // as there, and not stored: what a waker did before is seen by whoever takes the wish away.
        self.is_wanted.swap(true, Ordering::SeqCst);
        if !self.is_running.load(Ordering::SeqCst) {
            self.task.wake();
        }
    }
}

impl Parts {
    /// The rounds of these parts.
    pub(super) fn rounds(&self) -> Arc<Rounds> {
        Arc::clone(&self.rounds)
    }

    /// Lets every part run that has something to do, and those that they begin. True where there are none any more.
    fn round(&mut self, cx: &mut Context<'_>) -> bool {
        self.take_new(cx);
        loop {
            let is_over = match self.running.poll_next_unpin(cx) {
                Poll::Ready(Some(())) => continue,
                Poll::Ready(None) => true,
                Poll::Pending => false,
            };
            if !self.take_new(cx) {
                return is_over;
            }
        }
    }

    /// True where there are any.
    fn take_new(&mut self, cx: &mut Context<'_>) -> bool {
        let before = self.running.len();
        while let Poll::Ready(Some(part)) = self.new.poll_recv(cx) {
            self.running.push(part);
        }
        self.running.len() > before
    }
}

impl Future for Parts {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let signal = Arc::clone(&self.signal);
        signal.task.register(cx.waker());
        let waker = Waker::from(Arc::clone(&signal));
        for _ in 0..MAX_ROUNDS {
            signal.is_running.store(true, Ordering::SeqCst);
            signal.is_wanted.swap(false, Ordering::SeqCst);
            let is_over = self.round(&mut Context::from_waker(&waker));
            self.rounds.next();
            signal.is_running.store(false, Ordering::SeqCst);
            if is_over {
                return Poll::Ready(());
            }
            if !signal.is_wanted.swap(false, Ordering::SeqCst) {
                return Poll::Pending;
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;

    use tokio::sync::{Notify, mpsc};
    use tokio::task::yield_now;

    use super::*;

    #[tokio::test]
    async fn a_part_may_begin_another_one_and_both_end_with_what_runs_them() {
        let (executor, parts) = together();
        let (begun, held) = (Arc::new(Notify::new()), Arc::new(()));
        let inner = (executor.clone(), Arc::clone(&begun), Arc::clone(&held));
        executor.execute(async move {
            let (executor, begun, held) = inner;
            executor.execute(async move {
                begun.notify_one();
                std::future::pending::<()>().await;
                drop(held);
            });
        });
        tokio::select! {
            () = begun.notified() => {}
            () = parts => panic!("one never ends"),
        }
        assert_eq!(Arc::strong_count(&held), 1, "nothing is left");
        executor.execute(std::future::pending());
    }

    #[derive(Default)]
    struct Wakes(AtomicUsize);

    impl Wake for Wakes {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }

    #[test]
    fn parts_that_wake_each_other_wake_nobody_else() {
        let (executor, parts) = together();
        let (there, mut here) = mpsc::channel(1);
        let (back, mut answers) = mpsc::channel(1);
        let done = Arc::new(AtomicUsize::new(0));
        executor.execute(async move {
            while let Some(number) = here.recv().await {
                let _ = back.send(number).await;
            }
        });
        let count = Arc::clone(&done);
        executor.execute(async move {
            for number in 0..10_usize {
                let _ = there.send(number).await;
                count.fetch_add(answers.recv().await.map_or(0, |_| 1), Ordering::SeqCst);
            }
        });
        let wakes = Arc::new(Wakes::default());
        let waker = Waker::from(Arc::clone(&wakes));
        let mut parts = std::pin::pin!(parts);
        assert!(parts.as_mut().poll(&mut Context::from_waker(&waker)).is_ready());
        assert_eq!((done.load(Ordering::SeqCst), wakes.0.load(Ordering::SeqCst)), (10, 0));
    }

    #[tokio::test]
    async fn they_end_with_the_last_of_them() {
        let (executor, parts) = together();
        executor.execute(async {
            yield_now().await;
        });
        parts.await;
    }

    #[test]
    fn a_part_that_never_rests_lets_other_tasks_run() {
        let (executor, parts) = together();
        executor.execute(async {
            loop {
                yield_now().await;
            }
        });
        let wakes = Arc::new(Wakes::default());
        let waker = Waker::from(Arc::clone(&wakes));
        assert!(std::pin::pin!(parts).poll(&mut Context::from_waker(&waker)).is_pending());
        assert!(wakes.0.load(Ordering::SeqCst) >= 1);
    }

    /// A wake from another thread that comes while the parts run is not lost.
    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn no_wake_is_lost_between_threads() {
        let (executor, parts) = together();
        let (there, mut here) = mpsc::channel(1);
        let (back, mut answers) = mpsc::channel(1);
        executor.execute(async move {
            while let Some(number) = here.recv().await {
                let _ = back.send(number).await;
            }
        });
        // Not before: without any part it would end at once.
        let running = tokio_util::task::TaskTracker::new().spawn(parts);
        for number in 0..20_000_usize {
            there.send(number).await.expect("taken");
            assert_eq!(answers.recv().await, Some(number));
        }
        running.abort();
    }
}
