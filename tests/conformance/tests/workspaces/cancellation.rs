//! Builds that somebody asks to be given up.

use std::time::Duration;

use chatmesh_core::{IdSource as _, SystemIds};
use chatmesh_workspaces::{
    BuildId, BuildStatus, ErrorCode, Failure, Outcome, Refusal, StoreError, Transition, WorkspaceStatus,
    WorkspaceStore as _,
};
use futures::future::join_all;

use crate::world::{LEASE, World, version, worlds};

impl World {
    async fn cancel(&self, build: BuildId) -> Result<BuildStatus, StoreError> {
        Ok(self.store.cancel_build(build, self.now).await?.status)
    }

    async fn status(&self, build: BuildId) -> BuildStatus {
        self.store.get_build(build).await.expect("asked").expect("there").status
    }
}

fn given_up() -> Outcome {
    Outcome::Failed(Failure::of(ErrorCode::Canceled, "it was asked for"))
}

#[tokio::test]
async fn a_build_that_waits_is_given_up_at_once_and_never_leased() {
    for world in worlds().await {
        let created = world.insert("dev").await;
        let (id, build) = (created.workspace.id, created.build.id);
        assert_eq!(world.cancel(build).await.expect("canceled"), BuildStatus::Canceled, "{}", world.engine);
        assert_eq!(world.cancel(build).await.expect("again"), BuildStatus::Canceled, "{}", world.engine);
        let found = world.get(id).await;
        assert_eq!(found.status(), WorkspaceStatus::Canceled, "{}", world.engine);
        assert_eq!((found.build.error_code, found.build.completed_at), (Some(ErrorCode::Canceled), Some(world.now)));
        assert_eq!(found.build.leased_by, None, "{}: nobody had it", world.engine);
        assert_eq!(world.lease("p", "t").await, None, "{}", world.engine);

        world.build(id, Transition::Start).await.expect("it may be tried again");
        world.carry_out("t").await;
        assert_eq!(world.get(id).await.status(), WorkspaceStatus::Running, "{}", world.engine);
        let nobody = world.cancel(BuildId(SystemIds.next())).await;
        assert!(matches!(nobody, Err(StoreError::NotFound)), "{}: {nobody:?}", world.engine);
    }
}

/// L09: while a build is being given up, another one is refused as while it runs.
#[tokio::test]
async fn a_build_that_runs_is_given_up_by_its_provisioner_or_done() {
    for world in worlds().await {
        for (name, outcome, status, then) in [
            ("a", given_up(), BuildStatus::Canceled, WorkspaceStatus::Canceled),
            ("b", Outcome::Succeeded, BuildStatus::Succeeded, WorkspaceStatus::Running),
            ("c", Outcome::failed("disk full"), BuildStatus::Failed, WorkspaceStatus::Failed),
        ] {
            let id = world.insert(name).await.workspace.id;
            let build = world.lease("p", name).await.expect("a build").build.id;
            let renewed = world.store.renew_lease(build, "p", world.now + LEASE).await.expect("renewed");
            assert!(!renewed.cancel_requested, "{}", world.engine);
            assert_eq!(world.cancel(build).await.expect("asked"), BuildStatus::Canceling, "{}", world.engine);
            assert_eq!(world.cancel(build).await.expect("again"), BuildStatus::Canceling, "{}", world.engine);
            assert_eq!(world.get(id).await.status(), WorkspaceStatus::Canceling, "{}", world.engine);
            let refused = world.build(id, Transition::Stop).await;
            let active = Refusal::BuildActive(WorkspaceStatus::Canceling);
            assert!(matches!(&refused, Err(StoreError::Refused(why)) if *why == active), "{refused:?}");
            let renewed = world.store.renew_lease(build, "p", world.now + LEASE).await.expect("renewed");
            assert!(renewed.cancel_requested, "{}: the provisioner is told", world.engine);

            let ended = world.end(build, "p", outcome.clone()).await.expect("ended");
            assert_eq!((ended.status, world.get(id).await.status()), (status, then), "{}: {name}", world.engine);
            assert_eq!(world.end(build, "p", outcome).await.expect("again"), ended, "{}: {name}", world.engine);
            assert_eq!(world.get(id).await.build, ended, "{}: {name}", world.engine);
            let late = world.cancel(build).await;
            match status {
                BuildStatus::Canceled => assert_eq!(late.expect("again"), status),
                _ => assert!(matches!(late, Err(StoreError::BuildEnded(how)) if how == status), "{late:?}"),
            }
        }
    }
}

#[tokio::test]
async fn a_build_whose_provisioner_says_nothing_any_more_is_given_up_and_not_leased_again() {
    for mut world in worlds().await {
        let id = world.insert("dev").await.workspace.id;
        let build = world.lease("p", "t").await.expect("a build").build.id;
        world.insert("other").await;
        world.lease("q", "u").await.expect("another build");
        world.cancel(build).await.expect("asked");
        world.now += LEASE - Duration::from_micros(1);
        assert_eq!(world.store.give_up_builds(world.now, 10).await.expect("asked"), [], "{}: it holds", world.engine);

        world.now += Duration::from_micros(1);
        let other = world.lease("r", "v").await.expect("the other build").build.id;
        assert_ne!(other, build, "{}: nobody begins what is not wanted", world.engine);
        let looks = (0..4).map(|_| world.store.give_up_builds(world.now, 10));
        let given_up: Vec<_> = join_all(looks).await.into_iter().flat_map(|found| found.expect("asked")).collect();
        assert_eq!(given_up.iter().map(|build| build.id).collect::<Vec<_>>(), [build], "{}: once", world.engine);
        assert_eq!(world.status(build).await, BuildStatus::Canceled, "{}", world.engine);
        assert_eq!(world.get(id).await.build, given_up[0], "{}", world.engine);
        let late = world.end(build, "p", Outcome::Succeeded).await;
        assert!(matches!(late, Err(StoreError::LeaseLost)), "{}: {late:?}", world.engine);
    }
}

/// A stop that came to nothing has stopped nothing: the agent goes on, and may report.
#[tokio::test]
async fn the_agent_stays_where_a_stop_failed_or_was_given_up() {
    for world in worlds().await {
        let id = world.insert("dev").await.workspace.id;
        world.carry_out("t").await;
        let current = async || world.store.find_agent_by_token(b"t").await.expect("asked").expect("known").current;
        let stop = world.build(id, Transition::Stop).await.expect("stopping").id;
        world.cancel(stop).await.expect("canceled");
        assert!(current().await, "{}: the stop was given up", world.engine);
        world.build(id, Transition::Stop).await.expect("stopping");
        let stop = world.lease("p", "unused").await.expect("a build").build.id;
        world.end(stop, "p", Outcome::failed("no")).await.expect("failed");
        assert!(current().await, "{}: the stop failed", world.engine);
        world.build(id, Transition::Stop).await.expect("stopping");
        world.carry_out("unused").await;
        assert!(!current().await, "{}: it is stopped", world.engine);
    }
}

/// The words that are kept are those that an older release knows.
#[tokio::test]
async fn an_older_release_reads_what_this_one_writes() {
    use chatmesh_db::{DbError, FromRow, Row, Sql, values};

    struct Word(String, bool);
    impl FromRow for Word {
        fn from_row(row: &Row) -> Result<Self, DbError> {
            Ok(Self(row.get("status")?, row.get("is_held")?))
        }
    }
    const STATUS: Sql = Sql::portable("SELECT status, leased_by IS NOT NULL AS is_held FROM builds WHERE id = $1");

    for world in worlds().await {
        let word = async |build: BuildId| {
            let row = world.database.db.fetch_optional::<Word>(STATUS, values![build.0]).await;
            let Word(word, is_held) = row.expect("asked").expect("there");
            (word, is_held)
        };
        let waiting = world.insert("a").await.build.id;
        assert_eq!(word(waiting).await, ("pending".to_owned(), false), "{}", world.engine);
        world.cancel(waiting).await.expect("canceled");
        assert_eq!(word(waiting).await, ("failed".to_owned(), true), "{}", world.engine);
        world.insert("b").await;
        let running = world.lease("p", "t").await.expect("a build").build.id;
        world.cancel(running).await.expect("asked");
        assert_eq!(word(running).await, ("running".to_owned(), true), "{}", world.engine);
    }
}

/// Nobody has touched a workspace whose stop or deletion was given up while it waited: it is as it was before.
#[tokio::test]
async fn a_workspace_is_as_it_was_where_nobody_began_to_stop_or_delete_it() {
    for mut world in worlds().await {
        let manifest = "default_ttl = '1h'\nmax_lifetime = '90m'";
        let pushed = world.store.push_version(&version("bound", manifest, world.now)).await.expect("pushed");
        let mut new = world.new_workspace("dev", None);
        new.workspace.template_id = pushed.template.id;
        world.store.insert_workspace(&new).await.expect("inserted");
        let id = new.workspace.id;
        let start = world.carry_out("t").await.build.id;
        let (minute, began) = (Duration::from_secs(60), world.now);
        world.now += 50 * minute;
        for (number, transition) in [(2, Transition::Stop), (3, Transition::Delete)] {
            let build = world.build(id, transition).await.expect("made");
            assert_eq!(build.number, number, "{}: numbers go on", world.engine);
            assert_eq!(world.get(id).await.status(), WorkspaceStatus::Pending, "{}", world.engine);
            assert_eq!(world.cancel(build.id).await.expect("canceled"), BuildStatus::Canceled, "{}", world.engine);
            let found = world.get(id).await;
            assert_eq!((found.build.id, found.status()), (start, WorkspaceStatus::Running), "{}", world.engine);
            assert_eq!(found.agents.len(), 1, "{}: it is reached as before", world.engine);
            assert_eq!(found.build.deadline, Some(began + 90 * minute), "{}: it runs no longer", world.engine);
            let canceled = world.store.get_build(build.id).await.expect("asked").expect("there");
            assert_eq!(canceled.deadline, None, "{}", world.engine);
        }
        let running = world.build(id, Transition::Start).await;
        assert!(matches!(running, Err(StoreError::Refused(Refusal::AlreadyRunning))), "{}: {running:?}", world.engine);

        world.build(id, Transition::Stop).await.expect("stopping");
        let stop = world.lease("p", "unused").await.expect("a build").build.id;
        world.cancel(stop).await.expect("asked");
        world.end(stop, "p", given_up()).await.expect("given up");
        assert_eq!(world.get(id).await.status(), WorkspaceStatus::Canceled, "{}: somebody had begun", world.engine);

        world.build(id, Transition::Stop).await.expect("stopping");
        let stop = world.lease("p", "unused").await.expect("a build").build.id;
        world.end(stop, "p", Outcome::failed("no")).await.expect("failed");
        let delete = world.build(id, Transition::Delete).await.expect("deleting").id;
        world.cancel(delete).await.expect("canceled");
        let found = world.get(id).await;
        assert_eq!((found.build.id, found.status()), (stop, WorkspaceStatus::Failed), "{}", world.engine);
        assert_eq!(found.build.deadline, Some(world.now + minute), "{}: it is stopped all the same", world.engine);

        world.build(id, Transition::Stop).await.expect("stopping");
        world.carry_out("unused").await;
        let delete = world.build(id, Transition::Delete).await.expect("deleting").id;
        world.cancel(delete).await.expect("canceled");
        let found = world.get(id).await;
        assert_eq!((found.status(), found.build.deadline), (WorkspaceStatus::Stopped, None), "{}", world.engine);
        assert_eq!(world.build(id, Transition::Start).await.expect("starting").number, 9, "{}", world.engine);
    }
}
