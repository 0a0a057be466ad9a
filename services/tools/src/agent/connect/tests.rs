use std::sync::atomic::{AtomicUsize, Ordering};

use chatmesh_proto::workspaces::v1::AgentStatus;
use chatmesh_rpc::status_with_reason;
use parking_lot::Mutex;

use super::super::directory::Found;
use super::*;

const TIMEOUT: Duration = Duration::from_secs(30);

/// What becomes of a wait for an agent.
#[derive(Debug, Clone, Copy)]
enum Wait {
    /// It comes after this many seconds.
    Comes(u64),
    /// It never comes.
    Never,
    /// The relay is away after this many seconds.
    Breaks(u64),
    /// The relay says nothing.
    Hangs,
}

/// What a workspace says.
#[derive(Debug, Clone)]
enum Says {
    Agent(&'static str, AgentStatus, Option<u64>),
    NotRunning,
    Away,
}

/// A workspace and its agents, scripted.
#[derive(Debug)]
struct Scripted {
    waits: Vec<(&'static str, Wait)>,
    says: Mutex<Vec<Says>>,
    asked: AtomicUsize,
    dialed: AtomicUsize,
    open: AtomicUsize,
    is_external: bool,
}

/// Counts a wait for as long as it lasts.
struct Open<'a>(&'a AtomicUsize);

impl Drop for Open<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Scripted {
    /// The last of `says` is said again and again.
    fn new(waits: &[(&'static str, Wait)], says: &[Says]) -> Self {
        Self {
            waits: waits.to_vec(),
            says: Mutex::new(says.to_vec()),
            asked: AtomicUsize::new(0),
            dialed: AtomicUsize::new(0),
            open: AtomicUsize::new(0),
            is_external: false,
        }
    }

    /// The same on a machine of the user's.
    fn external(self) -> Self {
        Self { is_external: true, ..self }
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }

    async fn connect(&self, bound: Option<&str>) -> (Result<String, Unreachable>, Duration) {
        let began = Instant::now();
        let connected = connect(self, bound.map(str::to_owned), TIMEOUT).await;
        assert_eq!(self.open.load(Ordering::SeqCst), 0, "no wait is left behind");
        (connected, began.elapsed())
    }
}

impl Directory for Scripted {
    async fn resolve(&self) -> Result<Found, Status> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        let says = {
            let mut says = self.says.lock();
            if says.len() > 1 { says.remove(0) } else { says[0].clone() }
        };
        match says {
            Says::Agent(id, status, gone) => {
                let has_connected = gone.is_some();
                Ok(Found { id: id.to_owned(), status, gone_for: gone.map(Duration::from_secs), has_connected })
            }
            Says::NotRunning => Err(Status::failed_precondition("it is stopped; start it, then try again")),
            Says::Away => Err(Status::unavailable("away")),
        }
    }

    async fn is_external(&self) -> bool {
        self.is_external
    }

    async fn dial(&self, agent: &str, timeout: Duration) -> Result<(), Status> {
        self.open.fetch_add(1, Ordering::SeqCst);
        self.dialed.fetch_add(1, Ordering::SeqCst);
        let _open = Open(&self.open);
        let wait = self.waits.iter().find(|(id, _)| *id == agent).map_or(Wait::Never, |(_, wait)| *wait);
        let late = status_with_reason(Code::DeadlineExceeded, NOT_CONNECTED, "chatmesh.relay.v1", "not connected");
        match wait {
            Wait::Comes(after) if Duration::from_secs(after) <= timeout => {
                sleep(Duration::from_secs(after)).await;
                Ok(())
            }
            Wait::Breaks(after) => {
                sleep(Duration::from_secs(after).min(timeout)).await;
                Err(Status::unavailable("the relay ends"))
            }
            Wait::Hangs => {
                sleep(timeout).await;
                Err(Status::deadline_exceeded("the call did not end before its deadline"))
            }
            Wait::Comes(_) | Wait::Never => {
                sleep(timeout).await;
                Err(late)
            }
        }
    }
}

use AgentStatus::{Connected, Connecting, Disconnected};
use Says::{Agent, Away, NotRunning};
use Wait::{Breaks, Comes, Hangs, Never};

/// C08: the eight rows of waiting with a late look whether the agent is still the workspace's.
/// Paused time; no wait is left open in any (`Scripted::connect` counts them).
#[tokio::test(start_paused = true)]
async fn c08_a_remembered_agent_is_waited_for_and_asked_about_late() {
    let seconds = Duration::from_secs;

    let comes = Scripted::new(&[("old", Comes(4))], &[Away]);
    let (connected, took) = comes.connect(Some("old")).await;
    assert_eq!(
        (connected.expect("connected").as_str(), took, comes.asked()),
        ("old", seconds(4), 0),
        "nobody is asked"
    );

    let same = Scripted::new(&[("old", Comes(20))], &[Agent("old", Connecting, None)]);
    let (connected, took) = same.connect(Some("old")).await;
    assert_eq!((connected.expect("connected").as_str(), took, same.asked()), ("old", seconds(20), 1));
    assert_eq!(same.dialed.load(Ordering::SeqCst), 1, "the first wait goes on");

    let unknown = Scripted::new(&[("old", Comes(20))], &[Away]);
    let (connected, took) = unknown.connect(Some("old")).await;
    assert_eq!((connected.expect("connected").as_str(), took), ("old", seconds(20)), "nobody could say");

    let stopped = Scripted::new(&[("old", Never)], &[NotRunning]);
    let (connected, took) = stopped.connect(Some("old")).await;
    assert!(matches!(connected, Err(Unreachable::NoAgent(_))), "{connected:?}");
    assert_eq!(took, seconds(5), "known at once when it was asked");

    // The stale agent would come at the very end; nobody waits for it any more.
    let moved = Scripted::new(&[("old", Comes(30)), ("new", Comes(1))], &[Agent("new", Connected, None)]);
    let (connected, took) = moved.connect(Some("old")).await;
    assert_eq!((connected.expect("connected").as_str(), took), ("new", seconds(6)));

    let broken_same = Scripted::new(&[("old", Breaks(1))], &[Agent("old", Connected, None)]);
    let (connected, _) = broken_same.connect(Some("old")).await;
    assert!(matches!(connected, Err(Unreachable::Timeout)), "tried until the time is over: {connected:?}");
    assert!(broken_same.dialed.load(Ordering::SeqCst) > 5);

    let broken_moved = Scripted::new(&[("old", Breaks(1)), ("new", Comes(0))], &[Agent("new", Connected, None)]);
    let (connected, took) = broken_moved.connect(Some("old")).await;
    assert_eq!(connected.expect("connected"), "new");
    assert!(took < seconds(3), "{took:?}");

    let broken_stopped = Scripted::new(&[("old", Breaks(1))], &[NotRunning]);
    let (connected, _) = broken_stopped.connect(Some("old")).await;
    assert!(matches!(connected, Err(Unreachable::NoAgent(_))), "that error: {connected:?}");
}

/// C09, G8, G10: nobody came for half a minute. Only an agent that is known to be gone for long, or
/// that never came, is a reason to stop and start the workspace; it is the latest agent that counts.
#[tokio::test(start_paused = true)]
async fn c09_what_is_said_when_nobody_came_depends_on_the_latest_agent() {
    let of = async |says: &[Says]| Scripted::new(&[], says).connect(Some("old")).await.0.expect_err("nobody");
    let late = |says| [Agent("old", Connecting, None), says];
    assert!(matches!(of(&late(Agent("old", Connected, None))).await, Unreachable::Timeout));
    assert!(matches!(of(&late(Agent("old", Connecting, None))).await, Unreachable::Timeout));
    assert!(matches!(of(&late(Agent("old", Disconnected, Some(10)))).await, Unreachable::Timeout), "a blip");
    assert!(matches!(of(&late(Agent("old", Disconnected, Some(89)))).await, Unreachable::Timeout));
    assert!(matches!(of(&late(Agent("old", Disconnected, Some(90)))).await, Unreachable::Gone));
    assert!(matches!(of(&late(Agent("old", Disconnected, Some(120)))).await, Unreachable::Gone));
    assert!(matches!(of(&late(Agent("old", AgentStatus::Timeout, None))).await, Unreachable::NeverConnected));
    assert!(matches!(of(&late(Away)).await, Unreachable::Timeout), "nobody can say");
    assert!(matches!(of(&late(NotRunning)).await, Unreachable::NoAgent(_)));
    // The remembered one is long gone, the latest is not.
    let newer = [Agent("old", Disconnected, Some(500)), Agent("new", Connecting, None)];
    assert!(matches!(of(&newer).await, Unreachable::Timeout));
}

/// G8: while a relay is away no agent can report, so what the workspace says of its agent is no second sign.
#[tokio::test(start_paused = true)]
async fn g8_a_relay_that_is_away_is_no_reason_to_end_a_workspace() {
    for wait in [Breaks(0), Breaks(7), Breaks(29), Hangs] {
        for status in [Disconnected, AgentStatus::Timeout] {
            for bound in [None, Some("old")] {
                let away = Scripted::new(&[("old", wait)], &[Agent("old", status, Some(500))]);
                let (connected, took) = away.connect(bound).await;
                assert!(matches!(connected, Err(Unreachable::Timeout)), "{wait:?} {status:?}: {connected:?}");
                assert!(took <= TIMEOUT + Duration::from_secs(5), "{took:?}");
            }
        }
    }
}

/// G7: the remembered agent is disconnected, a new one is connected: the wait moves to it.
#[tokio::test(start_paused = true)]
async fn g7_a_rebuilt_workspace_is_found() {
    let rebuilt = Scripted::new(&[("new", Comes(0))], &[Agent("new", Connected, None)]);
    let (connected, took) = rebuilt.connect(Some("old")).await;
    assert_eq!((connected.expect("connected").as_str(), took), ("new", VALIDATE_AFTER));
}

/// C10: whoever interrupts a turn drops the wait: it ends at that moment and as an interruption, not as
/// a time that was over, and nothing of it is left.
#[tokio::test(start_paused = true)]
async fn c10_an_interruption_ends_the_wait_at_once() {
    let never = Scripted::new(&[], &[Agent("old", Connecting, None)]);
    let began = Instant::now();
    let interrupted = async { sleep(Duration::from_secs(7)).await };
    tokio::select! {
        connected = connect(&never, Some("old".to_owned()), TIMEOUT) => panic!("{connected:?}"),
        () = interrupted => {}
    }
    assert_eq!(began.elapsed(), Duration::from_secs(7));
    assert_eq!(never.open.load(Ordering::SeqCst), 0);
}

/// C11, G5: a workspace that is stopped is known to be so with one question and no wait.
#[tokio::test(start_paused = true)]
async fn c11_a_stopped_workspace_is_not_waited_for() {
    let stopped = Scripted::new(&[("old", Never)], &[NotRunning]);
    let (connected, took) = stopped.connect(None).await;
    assert!(matches!(connected, Err(Unreachable::NoAgent(_))), "{connected:?}");
    assert_eq!((took, stopped.asked(), stopped.dialed.load(Ordering::SeqCst)), (Duration::ZERO, 1, 0));
}

/// G6: nobody waits longer than the time that was given.
#[tokio::test(start_paused = true)]
async fn g6_a_wait_has_an_end_whoever_is_away() {
    for (waits, says) in [
        (vec![], vec![Away]),
        (vec![("old", Breaks(0))], vec![Away]),
        (vec![("old", Breaks(3))], vec![Agent("old", Connected, None)]),
    ] {
        for bound in [None, Some("old")] {
            let away = Scripted::new(&waits, &says);
            let (connected, took) = away.connect(bound).await;
            assert!(connected.is_err());
            assert!(took <= TIMEOUT + Duration::from_secs(5), "{took:?}");
        }
    }
}

/// G11: an agent that its user has to start is not waited for where it is known to be away; where that is not known, the
/// wait is the same as for any other, and what is said at its end is for the user to do.
#[tokio::test(start_paused = true)]
async fn g11_an_agent_of_the_users_own_is_the_users_to_start() {
    for (says, has_connected, dialed) in [
        (Agent("own", Disconnected, Some(500)), true, 0),
        (Agent("own", AgentStatus::Timeout, None), false, 0),
        (Agent("own", Connecting, None), false, 1),
    ] {
        let away = Scripted::new(&[], std::slice::from_ref(&says)).external();
        let (connected, took) = away.connect(None).await;
        match connected {
            Err(Unreachable::OfUser { has_connected: found }) => assert_eq!(found, has_connected, "{says:?}"),
            other => panic!("{says:?}: {other:?}"),
        }
        assert_eq!(away.dialed.load(Ordering::SeqCst), dialed, "{says:?}");
        assert_eq!(took, TIMEOUT * u32::try_from(dialed).expect("few"), "{says:?}");
    }
    let comes = Scripted::new(&[("own", Comes(20))], &[Agent("own", Connecting, None)]).external();
    assert_eq!(comes.connect(None).await.0.expect("connected"), "own");
}
