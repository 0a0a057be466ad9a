//! The cases.

use std::time::Duration;

use chatmesh_core::{IdSource as _, SystemIds};
use chatmesh_proto::provisioner::v1::JobErrorCode;

use super::world::{World, eventually, failure_of, run, start, start_all};
use crate::backend::{Backend, carry_out};
use crate::job::{Job, Work, WorkspaceId};

fn workspace() -> WorkspaceId {
    WorkspaceId(SystemIds.next())
}

async fn done(backend: &dyn Backend, job: &Job) {
    carry_out(backend, job, &run()).await.expect("carried out");
}

/// Waits until the agent that has this token runs, and none where there is no token.
async fn sees(world: &dyn World, id: WorkspaceId, token: Option<&str>) {
    sees_agent(world, id, "main", token).await;
}

async fn sees_agent(world: &dyn World, id: WorkspaceId, agent: &str, token: Option<&str>) {
    if world.runs() {
        let is_so = || async { world.token_of(id, agent).await.as_deref() == token };
        eventually("the agent is as it should be", is_so).await;
    }
}

pub(crate) async fn a_workspace_is_started_again_in_place_of_what_ran(world: &dyn World) {
    let (backend, id) = (world.provisioner().await, workspace());
    for token in ["one", "two", "three"] {
        done(&*backend, &start(world, id, token)).await;
        sees(world, id, Some(token)).await;
    }
}

pub(crate) async fn every_agent_of_a_workspace_is_started_with_its_own_token_and_ended(world: &dyn World) {
    let (backend, id) = (world.provisioner().await, workspace());
    for tokens in [["s3cret-one", "s3cret-two"], ["s3cret-three", "s3cret-four"]] {
        let (job, run) = (start_all(world, id, &[("main", tokens[0]), ("dev-chat", tokens[1])]), run());
        carry_out(&*backend, &job, &run).await.expect("carried out");
        sees_agent(world, id, "main", Some(tokens[0])).await;
        sees_agent(world, id, "dev-chat", Some(tokens[1])).await;
        let lines = run.log.texts_for_test();
        assert!(lines.iter().all(|line| !line.contains("s3cret")), "{lines:?}");
    }
    // A version of the template without the second one.
    done(&*backend, &start(world, id, "five")).await;
    sees(world, id, Some("five")).await;
    sees_agent(world, id, "dev-chat", None).await;

    done(&*backend, &start_all(world, id, &[("main", "six"), ("dev-chat", "seven")])).await;
    sees_agent(world, id, "dev-chat", Some("seven")).await;
    done(&*backend, &Job::for_test(id, Work::Stop)).await;
    for agent in ["main", "dev-chat"] {
        assert_eq!(world.token_of(id, agent).await, None, "{agent}");
    }
    done(&*backend, &Job::for_test(id, Work::Delete)).await;
    assert!(!world.is_left(id).await);
}

pub(crate) async fn a_workspace_is_stopped_as_often_as_asked_and_its_files_stay(world: &dyn World) {
    let (backend, id) = (world.provisioner().await, workspace());
    done(&*backend, &start(world, id, "one")).await;
    sees(world, id, Some("one")).await;
    world.write_file(id).await;
    for _ in 0..2 {
        done(&*backend, &Job::for_test(id, Work::Stop)).await;
        assert_eq!(world.token(id).await, None);
    }
    done(&*backend, &start(world, id, "two")).await;
    sees(world, id, Some("two")).await;
    assert!(world.has_file(id).await || !world.runs());
}

pub(crate) async fn a_workspace_is_deleted_with_everything_as_often_as_asked(world: &dyn World) {
    let (backend, id) = (world.provisioner().await, workspace());
    done(&*backend, &start(world, id, "one")).await;
    sees(world, id, Some("one")).await;
    world.write_file(id).await;
    for _ in 0..2 {
        done(&*backend, &Job::for_test(id, Work::Delete)).await;
        assert_eq!(world.token(id).await, None);
        assert!(!world.is_left(id).await);
    }
    done(&*backend, &start(world, id, "two")).await;
    sees(world, id, Some("two")).await;
    assert!(!world.has_file(id).await);
}

pub(crate) async fn what_never_was_is_stopped_and_deleted_without_harm(world: &dyn World) {
    let (backend, id, other) = (world.provisioner().await, workspace(), workspace());
    done(&*backend, &start(world, other, "other")).await;
    for work in [Work::Stop, Work::Delete] {
        done(&*backend, &Job::for_test(id, work)).await;
        assert!(!world.is_left(id).await);
    }
    sees(world, other, Some("other")).await;
}

pub(crate) async fn parameters_reach_the_workspace(world: &dyn World) {
    let (backend, id) = (world.provisioner().await, workspace());
    let variables = [("CHATMESH_PARAMETER_SIZE", "x l"), ("CHATMESH_PARAMETER_EMPTY", "")];
    let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
    done(&*backend, &Job { variables, ..start(world, id, "one") }).await;
    sees(world, id, Some("one")).await;
    let environment = world.environment(id).await;
    assert!(environment.get("CHATMESH_PARAMETER_SIZE").is_some_and(|value| value == "x l") || !world.runs());
    assert!(environment.get("CHATMESH_PARAMETER_EMPTY").is_some_and(String::is_empty) || !world.runs());
}

pub(crate) async fn a_build_that_is_not_wanted_from_the_start_changes_nothing(world: &dyn World) {
    let (backend, id) = (world.provisioner().await, workspace());
    let canceled = run();
    canceled.cancel.cancel();
    assert_eq!(failure_of(&*backend, &start(world, id, "one"), &canceled).await.code(), JobErrorCode::Canceled);
    assert!(!world.is_left(id).await);

    done(&*backend, &start(world, id, "two")).await;
    for work in [Work::Stop, Work::Delete] {
        assert_eq!(failure_of(&*backend, &Job::for_test(id, work), &canceled).await.code(), JobErrorCode::Canceled);
    }
    sees(world, id, Some("two")).await;
}

pub(crate) async fn a_start_that_is_given_up_half_way_leaves_nothing_that_runs(world: &dyn World) {
    let (backend, id) = (world.provisioner().await, workspace());
    if !world.runs() {
        return;
    }
    world.hold(id).await;
    let (job, run) = (start(world, id, "one"), run());
    let failure = failure_of(&*backend, &job, &run);
    let give_up = async {
        world.half_way(id).await;
        run.cancel.cancel();
    };
    let (failure, ()) = tokio::join!(failure, give_up);
    assert_eq!(failure.code(), JobErrorCode::Canceled);
    world.release(id).await;
    sees(world, id, None).await;
    done(&*backend, &start(world, id, "two")).await;
    sees(world, id, Some("two")).await;
}

pub(crate) async fn a_lease_that_moves_half_way_is_carried_on_by_the_next(world: &dyn World) {
    let (backend, id) = (world.provisioner().await, workspace());
    if world.runs() {
        world.hold(id).await;
        let (job, run) = (start(world, id, "one"), run());
        tokio::select! {
            done = carry_out(&*backend, &job, &run) => panic!("not held: {done:?}"),
            () = world.half_way(id) => {}
        }
        world.release(id).await;
    }
    drop(backend);
    // The same build, leased by another: the agent is the same, and its token is new.
    let backend = world.provisioner().await;
    done(&*backend, &start(world, id, "two")).await;
    sees(world, id, Some("two")).await;
    world.write_file(id).await;
    drop(backend);
    let backend = world.provisioner().await;
    done(&*backend, &Job::for_test(id, Work::Stop)).await;
    assert_eq!(world.token(id).await, None);
    drop(backend);
    let backend = world.provisioner().await;
    done(&*backend, &Job::for_test(id, Work::Delete)).await;
    assert!(!world.is_left(id).await);
}

pub(crate) async fn settings_without_sense_are_refused_before_anything_changes(world: &dyn World) {
    let (backend, id, new) = (world.provisioner().await, workspace(), workspace());
    done(&*backend, &start(world, id, "one")).await;
    sees(world, id, Some("one")).await;
    for settings in world.garbage() {
        for id in [id, new] {
            let job = Job { settings: settings.clone(), ..start(world, id, "two") };
            let failure = failure_of(&*backend, &job, &run()).await;
            assert_eq!(failure.code(), JobErrorCode::InvalidTemplate, "{settings}: {failure}");
        }
    }
    sees(world, id, Some("one")).await;
    assert!(!world.is_left(new).await);
}

pub(crate) async fn settings_without_sense_stop_nobody_from_stopping_and_deleting(world: &dyn World) {
    let (backend, id) = (world.provisioner().await, workspace());
    done(&*backend, &start(world, id, "one")).await;
    let settings = world.garbage().swap_remove(0);
    for work in [Work::Stop, Work::Delete] {
        done(&*backend, &Job { settings: settings.clone(), ..Job::for_test(id, work) }).await;
        assert_eq!(world.token(id).await, None);
    }
    assert!(!world.is_left(id).await);
}

pub(crate) async fn the_log_says_what_is_done_and_never_a_token(world: &dyn World) {
    let (backend, id) = (world.provisioner().await, workspace());
    for job in [start(world, id, "s3cret-token"), Job::for_test(id, Work::Stop), Job::for_test(id, Work::Delete)] {
        let run = run();
        let ended = tokio::time::timeout(Duration::from_secs(30), carry_out(&*backend, &job, &run)).await;
        ended.expect("in time").expect("carried out");
        let lines = run.log.texts_for_test();
        assert!(!lines.is_empty(), "{:?} says nothing", job.work);
        assert!(lines.iter().all(|line| !line.contains("s3cret")), "{lines:?}");
    }
}
