//! Builds that nobody can carry out: they must not stand in the way of others.

use chatmesh_db::{Sql, values};
use chatmesh_workspaces::{
    Build, BuildStatus, Claim, Lease, Outcome, PREBUILD_OWNER, Transition, WorkspaceId, WorkspaceStatus,
    WorkspaceStore as _,
};
use futures::future::join_all;

use crate::world::{LEASE, World, granted, version, worlds};

/// Only a newer release knows this word.
const NEWER_REASON: Sql = Sql::portable(
    "UPDATE builds SET reason = 'newer' WHERE id = $2 AND EXISTS (SELECT 1 FROM template_versions WHERE id = $1)",
);
const OLDER_REASON: Sql = Sql::portable(
    "UPDATE builds SET reason = 'initiator' WHERE id = $2 AND EXISTS (SELECT 1 FROM template_versions WHERE id = $1)",
);

impl World {
    /// A workspace of a template of its own.
    async fn of_template(&self, name: &str, manifest: &str) -> Build {
        let pushed = self.store.push_version(&version(name, manifest, self.now)).await.expect("pushed");
        let mut new = self.new_workspace(name, None);
        new.workspace.template_id = pushed.template.id;
        self.store.insert_workspace(&new).await.expect("inserted");
        self.get(new.workspace.id).await.build
    }

    async fn change(&self, sql: Sql, build: &Build) {
        let id = build.recipe.version_id.expect("a version").0;
        let changed = self.database.db.execute(sql, values![id, build.id.0]).await.expect("changed");
        assert_eq!(changed, 1, "{}", self.engine);
    }

    async fn refused(&self, claim: &Claim) -> Build {
        match self.store.lease_build(claim).await.expect("asked").expect("a build") {
            Lease::Refused(build) => *build,
            Lease::Granted(leased) => panic!("{}: handed out: {leased:?}", self.engine),
        }
    }

    async fn error(&self, id: WorkspaceId) -> String {
        self.get(id).await.build.error.expect("it failed")
    }
}

/// While a release is rolled out, a replica of the older one finds what only the newer one knows.
#[tokio::test]
async fn a_build_that_can_not_be_read_fails_and_the_next_one_is_handed_out() {
    const NEWER_MANIFEST: Sql = Sql::portable(
        "UPDATE template_versions SET manifest = '{\"provisioner\": \"local\", \"new\\u0000er\": 1}' WHERE id = $1 \
         AND EXISTS (SELECT 1 FROM builds WHERE id = $2)",
    );
    for world in worlds().await {
        let first = world.of_template("newer", "description = 'a'").await;
        world.change(NEWER_MANIFEST, &first).await;
        let second = world.of_template("plain", "description = 'b'").await;
        let failed = world.refused(&world.claim("p", "t")).await;
        assert_eq!((failed.id, failed.status), (first.id, BuildStatus::Failed), "{}", world.engine);
        let error = world.error(first.workspace_id).await;
        assert!(error.contains("manifest: unknown field") && error.contains("rolled out"), "{error}");
        assert_eq!(world.get(first.workspace_id).await.agents, [], "{}", world.engine);
        assert_eq!(world.lease("p", "t").await.expect("the next one").build.id, second.id, "{}", world.engine);
        assert_eq!(world.lease("p", "t").await, None, "{}", world.engine);
    }
}

#[tokio::test]
async fn a_build_with_more_agents_than_there_may_be_fails_and_the_next_one_is_handed_out() {
    for world in worlds().await {
        let first = world.of_template("two", "[[agents]]\nname = 'a'\n[[agents]]\nname = 'b'").await;
        let second = world.of_template("plain", "description = 'b'").await;
        let mut claim = world.claim("p", "t");
        claim.agents.truncate(1);
        assert_eq!(world.refused(&claim).await.id, first.id, "{}", world.engine);
        let error = world.error(first.workspace_id).await;
        assert!(error.contains("more agents than a build may have"), "{error}");
        let leased = granted(world.store.lease_build(&claim).await.expect("asked").expect("a build"));
        assert_eq!(leased.build.id, second.id, "{}", world.engine);
    }
}

/// Even where what is wrong stands in the build itself, so that nothing of it can be told.
#[tokio::test]
async fn a_build_whose_own_row_can_not_be_read_is_out_of_the_way() {
    for world in worlds().await {
        let unreadable = [world.insert("a").await.build, world.insert("b").await.build];
        for build in &unreadable {
            world.change(NEWER_REASON, build).await;
        }
        let next = world.insert("c").await.build.id;
        let claims = [world.claim("p", "t"), world.claim("q", "u")];
        let leased = join_all(claims.iter().map(|claim| world.store.lease_build(claim))).await;
        let leased: Vec<_> = leased.into_iter().filter_map(|one| one.expect("asked")).map(granted).collect();
        assert_eq!(leased.iter().map(|one| one.build.id).collect::<Vec<_>>(), [next], "{}", world.engine);
        for build in &unreadable {
            world.change(OLDER_REASON, build).await;
            let found = world.get(build.workspace_id).await;
            assert_eq!(found.status(), WorkspaceStatus::Failed, "{}", world.engine);
            let error = found.build.error.expect("an error");
            assert!(error.contains("reason: unknown word `newer`"), "{error}");
        }
    }
}

/// A build that ends each provisioner that takes it up must not end them for ever.
#[tokio::test]
async fn a_build_that_nobody_ends_fails_after_five_leases() {
    for mut world in worlds().await {
        let id = world.insert("dev").await.workspace.id;
        let mut build = None;
        for number in 0..5 {
            let leased = world.lease(&format!("p-{number}"), "t").await.expect("handed out again").build;
            assert_eq!(*build.get_or_insert(leased.id), leased.id, "{}", world.engine);
            world.now += LEASE;
        }
        let next = world.insert("next").await.build.id;
        let failed = world.refused(&world.claim("p", "t")).await;
        assert_eq!((Some(failed.id), failed.status), (build, BuildStatus::Failed), "{}", world.engine);
        let error = failed.error.clone().unwrap_or_default();
        assert!(error.contains("5 times") && error.contains("log of the provisioner"), "{error}");
        assert_eq!(world.get(id).await.build, failed, "{}", world.engine);
        assert!(failed.deadline.is_some(), "{}: what it left is stopped", world.engine);
        let late = world.end(failed.id, "p-4", Outcome::Succeeded).await;
        assert!(late.is_err(), "{}: {late:?}", world.engine);
        assert_eq!(world.lease("p", "u").await.expect("the next one").build.id, next, "{}", world.engine);

        world.build(id, Transition::Start).await.expect("it may be tried again");
        assert!(world.lease("p", "v").await.is_some(), "{}", world.engine);
    }
}

/// What is done for many workspaces at a time is done for all but those that can not be read.
#[tokio::test]
async fn a_build_that_can_not_be_read_holds_up_nothing_that_is_done_for_many() {
    for mut world in worlds().await {
        let mut builds = Vec::new();
        for name in ["a", "b"] {
            world.insert(name).await;
            let build = world.lease("p", name).await.expect("a build").build;
            world.store.cancel_build(build.id, world.now).await.expect("asked");
            builds.push(build);
        }
        world.change(NEWER_REASON, &builds[0]).await;
        world.now += LEASE;
        let given_up = async || {
            let given_up = world.store.give_up_builds(world.now, 10).await.expect("given up");
            given_up.into_iter().map(|build| build.id).collect::<Vec<_>>()
        };
        assert_eq!(given_up().await, [builds[1].id], "{}", world.engine);
        world.change(OLDER_REASON, &builds[0]).await;
        assert_eq!(given_up().await, [builds[0].id], "{}: it waited for a release that reads it", world.engine);

        world.owner = PREBUILD_OWNER.0;
        let (pooled, newer) = (world.insert("pooled").await, world.insert("newer").await);
        world.change(NEWER_REASON, &newer.build).await;
        let listed = world.store.list_prebuilt().await.expect("listed");
        assert_eq!(
            (listed.workspaces, listed.unreadable),
            (vec![pooled], vec!["newer".to_owned()]),
            "{}",
            world.engine
        );
    }
}

/// A use needs little of a build, and is taken in where the rest of it can not be read.
#[tokio::test]
async fn a_workspace_is_used_whose_build_can_not_be_read() {
    const NEWER_TERMS: Sql = Sql::portable(
        "UPDATE builds SET terms = '{\"bump_seconds\": \"newer\"}' WHERE id = $2 \
         AND EXISTS (SELECT 1 FROM template_versions WHERE id = $1)",
    );
    for world in worlds().await {
        let mut ids = Vec::new();
        for (name, newer) in [("a", Some(NEWER_REASON)), ("b", Some(NEWER_TERMS)), ("c", None)] {
            let id = world.insert(name).await.workspace.id;
            let build = world.carry_out(name).await.build;
            world.store.set_ttl(id, 60, world.now).await.expect("changed");
            if let Some(newer) = newer {
                world.change(newer, &build).await;
            }
            ids.push(id);
        }
        let mut used: Vec<_> = world.store.report_activities(&ids, world.now).await.expect("reported");
        used.sort_by_key(|(id, _)| ids.iter().position(|one| one == id));
        let moved: Vec<_> = used.into_iter().map(|(id, activity)| (id, activity.moved)).collect();
        assert_eq!(moved, [(ids[0], true), (ids[2], true)], "{}", world.engine);
    }
}
