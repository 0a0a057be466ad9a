use std::time::Duration;

use chatmesh_core::Uuid;
use proptest::prelude::*;

use super::*;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_timestamp(seconds, 0).expect("a time")
}

fn waiting() -> Build {
    Build::new(BuildId(Uuid::nil()), WorkspaceId(Uuid::nil()), 1, Transition::Start, at(0))
}

/// A build of this status that `me` had, if anybody.
fn build(status: BuildStatus) -> Build {
    let leased = || waiting().lease("me", at(30), at(0)).expect("leased");
    let canceling = || now(leased().cancel(at(5)).expect("asked"));
    match status {
        BuildStatus::Pending => waiting(),
        BuildStatus::Running => leased(),
        BuildStatus::Canceling => canceling(),
        BuildStatus::Succeeded => now(leased().end("me", Outcome::Succeeded, at(20)).expect("ended")),
        BuildStatus::Failed => now(leased().end("me", Outcome::failed("no"), at(20)).expect("ended")),
        BuildStatus::Canceled => now(canceling().end("me", given_up(), at(20)).expect("ended")),
    }
}

fn now(changed: Option<Build>) -> Build {
    changed.expect("it is another one now")
}

fn given_up() -> Outcome {
    Outcome::Failed(Failure::of(ErrorCode::Canceled, "given up"))
}

fn undone() -> Outcome {
    Outcome::Failed(Failure { nothing_runs: true, ..Failure::other("no image") })
}

/// What a table says of a change.
fn told<E>(result: Result<Option<Build>, E>) -> Result<Option<BuildStatus>, E> {
    result.map(|changed| changed.map(|build| build.status))
}

#[test]
fn each_status_is_the_one_that_it_says() {
    for status in BuildStatus::ALL {
        assert_eq!(build(status).status, status);
    }
}

#[test]
fn a_lease_is_renewed_by_its_holder_while_the_build_runs() {
    for status in BuildStatus::ALL {
        let renewed = build(status).renew("me", at(60));
        match status {
            BuildStatus::Running | BuildStatus::Canceling => {
                assert_eq!(renewed.expect("held").lease_expires_at, Some(at(60)));
            }
            _ => assert_eq!(renewed, Err(LeaseLost), "{status:?}"),
        }
        assert_eq!(build(status).renew("another", at(60)), Err(LeaseLost), "{status:?}");
    }
}

#[test]
fn only_what_waits_is_leased_and_what_was_leased_once_it_expired() {
    for status in BuildStatus::ALL {
        for (when, expired) in [(at(29), false), (at(30), true)] {
            let leased = build(status).lease("another", at(99), when);
            let waits = status == BuildStatus::Pending || (status == BuildStatus::Running && expired);
            assert_eq!(leased.is_some(), waits, "{status:?} at {when}");
            if let Some(build) = leased {
                assert_eq!((build.status, build.leased_by.as_deref()), (BuildStatus::Running, Some("another")));
                assert_eq!(build.lease_expires_at, Some(at(99)));
            }
        }
    }
}

#[test]
fn a_build_is_ended_by_its_holder_once_and_the_same_again_changes_nothing() {
    use BuildStatus::{Canceled, Canceling, Failed, Pending, Running, Succeeded};
    let failed = || Outcome::failed("disk full");
    let table = [
        // (status, completed, failed, given up)
        (Pending, Err(LeaseLost), Err(LeaseLost), Err(LeaseLost)),
        (Running, Ok(Some(Succeeded)), Ok(Some(Failed)), Ok(Some(Failed))),
        // What was done already is done, and what failed in another way is told.
        (Canceling, Ok(Some(Succeeded)), Ok(Some(Failed)), Ok(Some(Canceled))),
        (Succeeded, Ok(None), Err(LeaseLost), Err(LeaseLost)),
        (Failed, Err(LeaseLost), Ok(None), Err(LeaseLost)),
        (Canceled, Err(LeaseLost), Err(LeaseLost), Ok(None)),
    ];
    for (status, completed, other, canceled) in table {
        assert_eq!(told(build(status).end("me", Outcome::Succeeded, at(40))), completed, "{status:?}");
        assert_eq!(told(build(status).end("me", failed(), at(40))), other, "{status:?}");
        assert_eq!(told(build(status).end("me", given_up(), at(40))), canceled, "{status:?}");
        for outcome in [Outcome::Succeeded, failed(), given_up()] {
            assert_eq!(told(build(status).end("another", outcome, at(40))), Err(LeaseLost), "{status:?}");
        }
    }
    let ended = now(build(Running).end("me", failed(), at(40)).expect("ended"));
    assert_eq!((ended.error.as_deref(), ended.error_code), (Some("disk full"), None));
    assert_eq!((ended.lease_expires_at, ended.completed_at), (None, Some(at(40))));
}

#[test]
fn a_build_is_given_up_at_once_where_it_waits_and_by_its_provisioner_where_it_runs() {
    use BuildStatus::{Canceled, Canceling, Failed, Pending, Running, Succeeded};
    for (status, expected) in [
        (Pending, Ok(Some(Canceled))),
        (Running, Ok(Some(Canceling))),
        (Canceling, Ok(None)),
        (Canceled, Ok(None)),
        (Succeeded, Err(HasEnded(Succeeded))),
        (Failed, Err(HasEnded(Failed))),
    ] {
        let result = told(build(status).cancel(at(40)));
        assert_eq!(result, expected, "{status:?}");
    }
    let canceled = now(waiting().cancel(at(9)).expect("canceled"));
    assert_eq!((canceled.error_code, canceled.completed_at), (Some(ErrorCode::Canceled), Some(at(9))));
}

#[test]
fn what_a_provisioner_was_asked_to_give_up_ends_with_its_lease() {
    for status in BuildStatus::ALL {
        assert_eq!(build(status).expire(at(29)), None, "{status:?}: the lease holds");
        let expired = build(status).expire(at(30)).map(|build| (build.status, build.error_code));
        let expected = (status == BuildStatus::Canceling).then_some((BuildStatus::Canceled, Some(ErrorCode::Canceled)));
        assert_eq!(expired, expected, "{status:?}");
    }
}

/// B.12: what is stopped takes no credits; what failed may still be there.
#[test]
fn only_what_was_stopped_or_deleted_takes_nothing_any_more() {
    for (transition, outcome, expected) in [
        (Transition::Start, Outcome::Succeeded, 5),
        (Transition::Start, Outcome::failed("no"), 5),
        (Transition::Start, undone(), 0),
        // What says that it did not stop the workspace can not know that nothing runs.
        (Transition::Stop, undone(), 5),
        (Transition::Stop, Outcome::Succeeded, 0),
        (Transition::Stop, Outcome::failed("no"), 5),
        (Transition::Delete, Outcome::Succeeded, 0),
        (Transition::Delete, Outcome::failed("no"), 5),
    ] {
        let leased = Build { transition, daily_cost: 5, ..build(BuildStatus::Running) };
        let ended = now(leased.end("me", outcome.clone(), at(20)).expect("ended"));
        assert_eq!(ended.daily_cost, expected, "{transition:?} {outcome:?}");
    }
}

/// B.8: a workspace without a time to live has no deadline, and its own time counts more than that of its template.
#[test]
fn a_deadline_follows_from_the_time_to_live_of_the_workspace_else_of_its_template() {
    for (own, template, expected) in
        [(None, 0, None), (None, 60, Some(100)), (Some(0), 60, None), (Some(20), 60, Some(60)), (Some(20), 0, Some(60))]
    {
        let terms = Terms { ttl_seconds: template, ..Terms::default() };
        let runs = Build { terms, ..build(BuildStatus::Succeeded) };
        assert_eq!(runs.deadline_from(own, at(40)), expected.map(at), "{own:?} {template}");
        let stopped = Build { transition: Transition::Stop, ..runs.clone() };
        assert_eq!(stopped.deadline_from(own, at(40)), None, "what is stopped is not stopped again");
        let failed = Build { status: BuildStatus::Failed, ..runs };
        assert_eq!(failed.deadline_from(own, at(40)), None);
    }
}

/// B.8: a use is written down only where it gains a twentieth of the bump at least, and never shortens.
#[test]
fn a_use_moves_the_deadline_and_never_nearer() {
    let running = |deadline| RunsUntil { deadline, max_deadline: None, bump_seconds: 3600 };
    for (deadline, now, expected) in [
        (None, 0, None),
        (Some(3600), 0, None),
        (Some(3420), 0, None),
        (Some(3419), 0, Some(3600)),
        (Some(3600), 180, None),
        (Some(3600), 181, Some(3781)),
        (Some(90_000), 1000, None),
        (Some(10), 20, Some(3620)),
    ] {
        assert_eq!(running(deadline.map(at)).bumped(at(now)), expected.map(at), "{deadline:?} at {now}");
    }
    let never = RunsUntil { bump_seconds: 0, ..running(Some(at(10))) };
    assert_eq!(never.bumped(at(20)), None, "its template says so");
}

/// B.8: however much a workspace is used, it is stopped once it has run for as long as its template lets it.
#[test]
fn nothing_moves_a_deadline_beyond_the_last() {
    let lasting = |most| Terms { ttl_seconds: 60, max_lifetime_seconds: most, ..Terms::default() };
    for (most, own, expected) in [
        (0, None, (Some(100), None)),
        (100, None, (Some(100), Some(140))),
        (50, None, (Some(90), Some(90))),
        (100, Some(0), (Some(140), Some(140))),
        (100, Some(200), (Some(140), Some(140))),
    ] {
        let mut runs = Build { terms: lasting(most), ..build(BuildStatus::Succeeded) };
        runs.set_deadlines(own, at(40));
        let (deadline, last) = expected;
        assert_eq!((runs.deadline, runs.max_deadline), (deadline.map(at), last.map(at)), "{most} {own:?}");
        let mut waits = Build { reason: Some(BuildReason::Prebuild), ..runs.clone() };
        waits.set_deadlines(Some(0), at(40));
        assert_eq!((waits.deadline, waits.max_deadline), (None, None), "what waits for an owner is not stopped");
        for other in [
            Build { transition: Transition::Stop, ..runs.clone() },
            Build { status: BuildStatus::Failed, ..runs.clone() },
        ] {
            let mut other = other;
            other.set_deadlines(own, at(40));
            assert_eq!((other.deadline, other.max_deadline), (None, None));
        }
    }
    for (last, deadline, now, expected) in [
        (4000, 3419, 0, Some(3600)),
        (3500, 3419, 0, Some(3500)),
        (3419, 3419, 0, None),
        (3419, 3419, 3418, None),
        (3600, 100, 5000, Some(3600)),
    ] {
        let (deadline_at, max_deadline) = (Some(at(deadline)), Some(at(last)));
        let running = RunsUntil { deadline: deadline_at, max_deadline, bump_seconds: 3600 };
        assert_eq!(running.bumped(at(now)), expected.map(at), "{deadline} of {last} at {now}");
    }
}

#[test]
fn words_are_read_as_they_are_written() {
    for status in BuildStatus::ALL {
        let Build { status, cancel_requested, error_code, .. } = build(status);
        assert_eq!(BuildStatus::read(status.word().to_owned(), cancel_requested, error_code), Ok(status));
    }
    for transition in [Transition::Start, Transition::Stop, Transition::Delete] {
        assert_eq!(Transition::try_from(transition.as_str().to_owned()), Ok(transition));
    }
    for code in ErrorCode::ALL {
        assert_eq!(ErrorCode::try_from(code.as_str().to_owned()), Ok(code));
    }
    for reason in BuildReason::ALL {
        assert_eq!(BuildReason::try_from(reason.as_str().to_owned()), Ok(reason));
    }
    assert!(Transition::try_from("destroy".to_owned()).is_err());
    assert!(BuildStatus::read("gone".to_owned(), false, None).is_err());
}

/// Anything that may happen to a build.
#[derive(Debug, Clone)]
enum Event {
    Lease(&'static str),
    Renew(&'static str),
    End(&'static str, Outcome),
    Cancel,
    Expire,
}

fn events() -> impl Strategy<Value = Vec<(u8, Event)>> {
    let holder = || prop::sample::select(vec!["one", "two"]);
    let outcome = prop::sample::select(vec![Outcome::Succeeded, Outcome::failed("no"), given_up()]);
    let event = prop_oneof![
        holder().prop_map(Event::Lease),
        holder().prop_map(Event::Renew),
        (holder(), outcome).prop_map(|(holder, outcome)| Event::End(holder, outcome)),
        Just(Event::Cancel),
        Just(Event::Expire),
    ];
    prop::collection::vec((0_u8..20, event), 0..40)
}

proptest! {
    #[test]
    fn whatever_happens_in_whatever_order_a_build_goes_only_forwards(events in events()) {
        let (mut build, mut time) = (waiting(), at(0));
        for (later, event) in events {
            time += Duration::from_secs(later.into());
            let expires_at = time + LEASE;
            let before = build.clone();
            build = match event {
                Event::Lease(holder) => before.clone().lease(holder, expires_at, time).unwrap_or(build),
                Event::Renew(holder) => before.clone().renew(holder, expires_at).unwrap_or(build),
                Event::End(holder, outcome) => {
                    before.clone().end(holder, outcome, time).ok().flatten().unwrap_or(build)
                }
                Event::Cancel => before.clone().cancel(time).ok().flatten().unwrap_or(build),
                Event::Expire => before.clone().expire(time).unwrap_or(build),
            };
            prop_assert!(!before.status.has_ended() || before == build, "{before:?} became {build:?}");
            prop_assert!(!before.cancel_requested || build.cancel_requested, "a request is never taken back");
            let runs = matches!(build.status, BuildStatus::Running | BuildStatus::Canceling);
            prop_assert_eq!(build.lease_expires_at.is_some(), runs);
            prop_assert_eq!(build.completed_at.is_some(), build.status.has_ended());
            let failed = matches!(build.status, BuildStatus::Failed | BuildStatus::Canceled);
            prop_assert_eq!(build.error.is_some(), failed);
            prop_assert!(build.status != BuildStatus::Canceling || build.cancel_requested);
            let read = BuildStatus::read(build.status.word().to_owned(), build.cancel_requested, build.error_code);
            prop_assert_eq!(read, Ok(build.status), "it is read as it is kept");
        }
    }
}
