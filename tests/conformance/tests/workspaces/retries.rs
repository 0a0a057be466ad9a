//! Workspaces that run on after builds that came to nothing.

use std::time::Duration;

use chatmesh_core::Timestamp;
use chatmesh_workspaces::{
    BuildReason, BuildStatus, Due, ErrorCode, Failure, NewBuild, Outcome, StoreError, Transition, WorkspaceId,
    WorkspaceStatus, WorkspaceStore as _,
};
use futures::future::join_all;

use crate::world::{LEASE, World, worlds};

const MINUTE: Duration = Duration::from_secs(60);

impl World {
    /// The time until the workspace is stopped.
    async fn stopped_in(&self, id: WorkspaceId) -> Option<Duration> {
        let until = |deadline: Timestamp| (deadline - self.now).to_std().expect("it is not past");
        self.get(id).await.build.deadline.map(until)
    }

    /// Leases the only waiting build, and ends it like this.
    async fn ends(&self, outcome: Outcome) {
        let build = self.lease("p", "unused").await.expect("a build").build.id;
        self.end(build, "p", outcome).await.expect("ended");
    }

    async fn is_due(&self) -> Vec<Due> {
        self.store.list_due(self.now, None, 10).await.expect("listed")
    }

    fn stop_of(&self, due: Due) -> NewBuild {
        let new = self.new_build(due.workspace_id, Transition::Stop, Some(due.build_id.0));
        NewBuild { reason: BuildReason::Autostop, initiator: None, ..new }
    }
}

/// What a provisioner says that has undone what it had begun.
fn undone(code: Option<ErrorCode>) -> Outcome {
    Outcome::Failed(Failure { code, nothing_runs: true, ..Failure::other("no") })
}

/// B.8: a cluster that is away for a while must not leave workspaces that run, and take credits, for ever.
#[tokio::test]
async fn a_stop_that_failed_is_tried_again_until_it_succeeds() {
    for mut world in worlds().await {
        let id = world.insert("dev").await.workspace.id;
        world.carry_out("t").await;
        world.store.set_ttl(id, 60, world.now).await.expect("changed");
        world.now += MINUTE;
        for pause in [1, 2, 4] {
            let due = world.is_due().await;
            assert_eq!(due.iter().map(|one| one.workspace_id).collect::<Vec<_>>(), [id], "{}: {pause}", world.engine);
            let news: Vec<_> = (0..4).map(|_| world.stop_of(due[0])).collect();
            let made = join_all(news.iter().map(|new| world.store.insert_build(new))).await;
            let made: Vec<_> = made.into_iter().map(|one| one.expect("one build for all").id).collect();
            assert!(made.iter().all(|id| *id == made[0]), "{}: {made:?}", world.engine);
            assert_eq!(world.is_due().await, [], "{}: it is being stopped", world.engine);
            world.ends(Outcome::failed("the cluster does not answer")).await;
            assert_eq!(world.get(id).await.status(), WorkspaceStatus::Failed, "{}", world.engine);
            assert_eq!(world.stopped_in(id).await, Some(pause * MINUTE), "{}", world.engine);
            let used = world.store.report_activity(id, world.now + MINUTE).await.expect("asked").expect("there");
            assert!(!used.moved, "{}: whoever is still there does not keep it", world.engine);
            world.now += pause * MINUTE;
        }
        let due = world.is_due().await[0];
        world.store.insert_build(&world.stop_of(due)).await.expect("stopping");
        world.ends(Outcome::Succeeded).await;
        assert_eq!(world.get(id).await.status(), WorkspaceStatus::Stopped, "{}", world.engine);
        assert_eq!((world.stopped_in(id).await, world.is_due().await), (None, vec![]), "{}", world.engine);
        let late = world.store.insert_build(&world.stop_of(due)).await.expect("repeated");
        assert_eq!(late.status, BuildStatus::Succeeded, "{}: a replica that is late makes no other", world.engine);

        world.build(id, Transition::Start).await.expect("starting");
        world.carry_out("t-2").await;
        world.build(id, Transition::Stop).await.expect("stopping");
        world.ends(Outcome::failed("no")).await;
        assert_eq!(world.stopped_in(id).await, Some(MINUTE), "{}: what failed before is past", world.engine);
    }
}

/// A start that somebody gives up before it began takes nothing back of what a stop before it has left.
#[tokio::test]
async fn a_start_that_never_began_leaves_a_failed_stop_to_be_tried_again() {
    for mut world in worlds().await {
        let id = world.insert("dev").await.workspace.id;
        world.carry_out("t").await;
        world.build(id, Transition::Stop).await.expect("stopping");
        world.ends(Outcome::failed("no")).await;
        let start = world.build(id, Transition::Start).await.expect("starting").id;
        assert_eq!(world.stopped_in(id).await, None, "{}: it is wanted again", world.engine);
        world.store.cancel_build(start, world.now).await.expect("canceled");
        assert_eq!(world.stopped_in(id).await, Some(MINUTE), "{}", world.engine);
        world.now += MINUTE;
        let due = world.is_due().await[0];
        assert_eq!(due.build_id, start, "{}", world.engine);
        world.build(id, Transition::Start).await.expect("somebody is sooner");
        let refused = world.store.insert_build(&world.stop_of(due)).await;
        assert!(matches!(refused, Err(StoreError::Refused(_))), "{}: {refused:?}", world.engine);
        world.ends(Outcome::Succeeded).await;
        assert_eq!(world.get(id).await.status(), WorkspaceStatus::Running, "{}", world.engine);
    }
}

/// Nobody knows what a provisioner has made that was to give a start up and says nothing any more.
#[tokio::test]
async fn what_a_start_has_left_that_nobody_answers_for_is_stopped() {
    for mut world in worlds().await {
        let id = world.insert("dev").await.workspace.id;
        let build = world.lease("killed", "t").await.expect("a build").build.id;
        world.store.cancel_build(build, world.now).await.expect("asked");
        assert_eq!(world.stopped_in(id).await, None, "{}: its provisioner undoes it", world.engine);
        world.now += LEASE;
        world.store.give_up_builds(world.now, 10).await.expect("given up");
        assert_eq!(world.get(id).await.status(), WorkspaceStatus::Canceled, "{}", world.engine);
        assert_eq!(world.stopped_in(id).await, Some(MINUTE), "{}", world.engine);
        world.now += MINUTE;
        let due = world.is_due().await[0];
        world.store.insert_build(&world.stop_of(due)).await.expect("stopping");
        world.ends(Outcome::Succeeded).await;
        assert_eq!(world.get(id).await.status(), WorkspaceStatus::Stopped, "{}", world.engine);

        world.build(id, Transition::Start).await.expect("starting");
        let build = world.lease("p", "u").await.expect("a build").build.id;
        world.store.cancel_build(build, world.now).await.expect("asked");
        world.end(build, "p", undone(Some(ErrorCode::Canceled))).await.expect("given up");
        assert_eq!(world.stopped_in(id).await, None, "{}: its provisioner has undone it", world.engine);
    }
}

/// B.8: a start that failed half-way and could not be undone leaves what runs, which nobody asked for.
#[tokio::test]
async fn what_a_start_has_left_that_failed_is_stopped_unless_nothing_runs() {
    for mut world in worlds().await {
        let id = world.insert("dev").await.workspace.id;
        world.ends(undone(None)).await;
        assert_eq!(world.get(id).await.status(), WorkspaceStatus::Failed, "{}", world.engine);
        assert_eq!(world.stopped_in(id).await, None, "{}: there is nothing to stop", world.engine);

        world.build(id, Transition::Start).await.expect("tried again");
        let again = world.lease("p", "again").await.expect("a build").build.id;
        world.end(again, "p", Outcome::failed("the cluster does not answer")).await.expect("failed");
        assert_eq!(world.get(id).await.status(), WorkspaceStatus::Failed, "{}", world.engine);
        assert_eq!(world.stopped_in(id).await, Some(MINUTE), "{}", world.engine);
        world.now += MINUTE;
        let due = world.is_due().await[0];
        world.store.insert_build(&world.stop_of(due)).await.expect("stopping");
        world.ends(Outcome::Succeeded).await;
        assert_eq!(world.get(id).await.status(), WorkspaceStatus::Stopped, "{}", world.engine);
        assert_eq!((world.stopped_in(id).await, world.is_due().await), (None, vec![]), "{}", world.engine);
        let builds = world.store.list_builds(id, None, 9).await.expect("listed");
        let errors: Vec<_> = builds.iter().map(|build| build.error.as_deref()).collect();
        let failed = Some("the cluster does not answer");
        assert_eq!(errors, [None, failed, Some("no")], "{}: what was wrong stays to be read", world.engine);
        world.build(id, Transition::Start).await.expect("it may be started again");
    }
}

/// Who gives a stop up wants the workspace to run, and not for longer than any other.
#[tokio::test]
async fn a_workspace_whose_stop_was_given_up_has_its_time_to_live() {
    for mut world in worlds().await {
        for (name, ttl, expected) in [("a", 600, Some(10 * MINUTE)), ("b", 0, None)] {
            let id = world.insert(name).await.workspace.id;
            world.carry_out(name).await;
            world.store.set_ttl(id, ttl, world.now).await.expect("changed");
            for transition in [Transition::Stop, Transition::Delete] {
                let build = world.build(id, transition).await.expect("made").id;
                world.now += MINUTE;
                world.store.cancel_build(build, world.now).await.expect("canceled");
                assert_eq!(world.stopped_in(id).await, expected, "{}: {name} {transition:?}", world.engine);
            }
            world.build(id, Transition::Delete).await.expect("deleting");
            world.ends(Outcome::failed("no")).await;
            assert_eq!(world.stopped_in(id).await, expected, "{}: {name} is not deleted", world.engine);
        }
    }
}
