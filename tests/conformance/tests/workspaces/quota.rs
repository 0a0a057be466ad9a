//! Credits: what workspaces take, and what there is.

use std::sync::Arc;

use chatmesh_core::{IdSource as _, SystemIds, Uuid};
use chatmesh_workspaces::{
    Build, BuildStatus, ErrorCode, Failure, Lease, Outcome, Quota, Start, TemplateId, Transition, WorkspaceStatus,
    WorkspaceStore as _,
};
use futures::future::join_all;

use crate::world::{LEASE, World, granted, version, worlds};

impl World {
    async fn costly(&self, name: &str, cost: u32) -> TemplateId {
        let new = version(name, &format!("daily_cost = {cost}"), self.now);
        self.store.push_version(&new).await.expect("pushed").template.id
    }

    async fn make(&self, template: TemplateId, name: &str) -> Build {
        let mut new = self.new_workspace(name, None);
        new.workspace.template_id = template;
        self.store.insert_workspace(&new).await.expect("asked");
        self.get(new.workspace.id).await.build
    }

    async fn try_lease(&self, token: &str) -> Lease {
        self.store.lease_build(&self.claim("p", token)).await.expect("asked").expect("a build waits")
    }

    async fn consumed(&self) -> u32 {
        self.store.consumed(self.owner.into()).await.expect("asked")
    }

    fn budget(&mut self, credits: u32) {
        self.quota = Arc::new(Quota { everybody: Some(credits), ..Quota::default() });
    }
}

fn refused(lease: Lease) -> Build {
    match lease {
        Lease::Refused(build) => *build,
        Lease::Granted(leased) => panic!("handed out: {leased:?}"),
    }
}

/// B.12, L07: the cost is taken where the build is leased, and nowhere else is it said that there is not enough.
#[tokio::test]
async fn a_build_that_takes_too_much_fails_where_it_is_leased() {
    for mut world in worlds().await {
        world.budget(10);
        let (six, four) = (world.costly("six", 6).await, world.costly("four", 4).await);
        let first = world.make(six, "a").await;
        assert_eq!(world.consumed().await, 0, "{}: what waits takes nothing", world.engine);
        let leased = granted(world.try_lease("t-1").await);
        assert_eq!((leased.build.id, leased.build.daily_cost, world.consumed().await), (first.id, 6, 6));
        world.end(first.id, "p", Outcome::Succeeded).await.expect("done");

        let second = world.make(six, "b").await;
        let failed = refused(world.try_lease("t-2").await);
        assert_eq!((failed.id, failed.status), (second.id, BuildStatus::Failed), "{}", world.engine);
        assert_eq!((failed.error_code, failed.daily_cost), (Some(ErrorCode::InsufficientQuota), 0));
        let error = failed.error.clone().unwrap_or_default();
        assert!(error.contains("it takes 6 credits, and the owner's other workspaces take 6 of 10"), "{error}");
        let found = world.get(second.workspace_id).await;
        assert_eq!((found.status(), &found.build), (WorkspaceStatus::Failed, &failed), "{}", world.engine);
        assert_eq!(found.agents, [], "{}: nobody made an agent", world.engine);
        assert_eq!(world.consumed().await, 6, "{}", world.engine);

        world.make(four, "c").await;
        granted(world.try_lease("t-3").await);
        assert_eq!(world.consumed().await, 10, "{}: what fits exactly fits", world.engine);
        let owner = std::mem::replace(&mut world.owner, SystemIds.next());
        world.make(six, "d").await;
        granted(world.try_lease("t-4").await);
        world.owner = owner;
        assert_eq!(world.consumed().await, 10, "{}: others take nothing of it", world.engine);
    }
}

/// B.12: stop and delete are never blocked, and what is stopped takes nothing.
#[tokio::test]
async fn what_is_stopped_takes_nothing_and_a_stop_is_never_refused() {
    for mut world in worlds().await {
        world.budget(6);
        let six = world.costly("six", 6).await;
        let id = world.make(six, "a").await.workspace_id;
        world.carry_out("t").await;
        world.budget(0);
        world.build(id, Transition::Stop).await.expect("stopping");
        assert_eq!(world.consumed().await, 6, "{}: it is not stopped yet", world.engine);
        let stop = granted(world.try_lease("u").await).build.id;
        world.end(stop, "p", Outcome::failed("no")).await.expect("failed");
        assert_eq!(world.consumed().await, 6, "{}: it may still be there", world.engine);
        world.build(id, Transition::Stop).await.expect("stopping");
        world.carry_out("u").await;
        assert_eq!(world.consumed().await, 0, "{}", world.engine);

        world.build(id, Transition::Start).await.expect("starting");
        assert_eq!(refused(world.try_lease("v").await).error_code, Some(ErrorCode::InsufficientQuota));
        world.budget(6);
        world.build(id, Transition::Start).await.expect("starting");
        let start = granted(world.try_lease("v").await).build.id;
        world.end(start, "p", Outcome::failed("provider: quota exceeded")).await.expect("failed");
        let found = world.get(id).await.build;
        // G19, L08: what a provider says of quotas of its own is a failure like any other.
        assert_eq!((found.error_code, world.consumed().await), (None, 6), "{}: it may be there", world.engine);
        world.budget(0);
        world.build(id, Transition::Delete).await.expect("deleting");
        world.carry_out("u").await;
        assert_eq!(world.consumed().await, 0, "{}", world.engine);
    }
}

#[tokio::test]
async fn builds_of_one_owner_that_are_leased_at_once_do_not_take_more_than_there_is() {
    for mut world in worlds().await {
        world.budget(9);
        let three = world.costly("three", 3).await;
        for number in 0..12 {
            world.make(three, &format!("w-{number}")).await;
        }
        let claims: Vec<_> =
            (0..12).map(|number| world.claim(&format!("p-{number}"), &format!("t-{number}"))).collect();
        let leased = join_all(claims.iter().map(|claim| world.store.lease_build(claim))).await;
        let granted = leased.into_iter().filter(|one| matches!(one, Ok(Some(Lease::Granted(_))))).count();
        assert_eq!((granted, world.consumed().await), (3, 9), "{}", world.engine);
    }
}

/// What was taken by the first lease is not taken again, nor given back, where another provisioner goes on.
#[tokio::test]
async fn a_build_that_moves_to_another_provisioner_is_not_asked_again_for_its_cost() {
    for mut world in worlds().await {
        world.budget(6);
        let six = world.costly("six", 6).await;
        world.make(six, "a").await;
        granted(world.try_lease("t-1").await);
        world.now += LEASE;
        world.budget(0);
        let again = granted(world.try_lease("t-2").await);
        assert_eq!((again.build.daily_cost, world.consumed().await), (6, 6), "{}", world.engine);
        let nobody = world.store.consumed(Uuid::nil().into()).await.expect("asked");
        assert_eq!(nobody, 0, "{}", world.engine);
    }
}

/// A start of another version takes what that one costs.
#[tokio::test]
async fn what_a_workspace_takes_is_what_the_version_says_that_it_runs() {
    for mut world in worlds().await {
        world.budget(9);
        let template = world.costly("go", 6).await;
        let id = world.make(template, "a").await.workspace_id;
        world.carry_out("t").await;
        world.build(id, Transition::Stop).await.expect("stopping");
        world.carry_out("u").await;
        world.costly("go", 9).await;
        for (which, expected) in [(1, 6), (2, 9)] {
            let mut new = world.new_build(id, Transition::Start, None);
            new.start = Start { version: Some(chatmesh_workspaces::WhichVersion::Number(which)), ..Start::default() };
            world.store.insert_build(&new).await.expect("starting");
            world.carry_out(&format!("v-{which}")).await;
            assert_eq!(world.consumed().await, expected, "{}: version {which}", world.engine);
            world.build(id, Transition::Stop).await.expect("stopping");
            world.carry_out("u").await;
        }
    }
}

/// B.12: starts that left nothing must not use the credits up.
#[tokio::test]
async fn a_start_that_left_nothing_takes_nothing() {
    for mut world in worlds().await {
        world.budget(10);
        let five = world.costly("five", 5).await;
        let undone = || Outcome::Failed(Failure { nothing_runs: true, ..Failure::other("the image is not there") });
        for number in 0..3 {
            let build = world.make(five, &format!("w-{number}")).await;
            let leased = granted(world.try_lease(&format!("t-{number}")).await);
            assert_eq!((leased.build.id, world.consumed().await), (build.id, 5), "{}", world.engine);
            let ended = world.end(build.id, "p", undone()).await.expect("failed");
            assert_eq!((ended.daily_cost, world.consumed().await), (0, 0), "{}", world.engine);
            assert_eq!(world.end(build.id, "p", undone()).await.expect("again"), ended, "{}", world.engine);
        }
    }
}
