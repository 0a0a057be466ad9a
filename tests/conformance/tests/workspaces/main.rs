//! What the store of workspaces promises, on every engine.

mod agents;
mod build_logs;
mod cancellation;
mod chats;
mod declared;
mod lifecycle;
mod prebuilds;
mod purge;
mod quota;
mod retries;
mod templates;
mod unleasable;
mod unused;
mod world;

use std::collections::HashSet;
use std::time::Duration;

use chatmesh_core::{IdSource as _, SystemIds};
use chatmesh_workspaces::{
    AgentId, AgentStatus, BuildId, BuildStatus, Claim, Inserted, MIGRATIONS, Outcome, PREBUILD_OWNER, Refusal, Report,
    STATEMENTS, StoreError, TemplateFilter, TemplateListing, Transition, WorkspaceId, WorkspaceStatus,
    WorkspaceStore as _,
};
use futures::future::join_all;
use world::{LEASE, granted, version, worlds};

fn is_lost<T>(result: &Result<T, StoreError>) -> bool {
    matches!(result, Err(StoreError::LeaseLost))
}

#[tokio::test]
async fn every_statement_is_valid() {
    chatmesh_testkit::statements_are_valid(MIGRATIONS, STATEMENTS).await;
}

#[tokio::test]
async fn what_is_written_is_read_back() {
    for world in worlds().await {
        let created = world.insert("dev").await;
        assert_eq!(world.get(created.workspace.id).await, created, "{}", world.engine);
        assert_eq!(created.status(), WorkspaceStatus::Pending);

        let template = Some(world.template.clone());
        let by_id = world.template.id.to_string();
        assert_eq!(world.store.find_template("local").await.expect("asked"), template);
        assert_eq!(world.store.find_template(&by_id).await.expect("asked"), template);
        assert_eq!(world.store.find_template("remote").await.expect("asked"), None);
        let second = version("local", "description = 'for tests'", world.now);
        assert!(!world.store.push_version(&second).await.expect("there already").created);
        let filter = TemplateFilter { limit: 10, ..TemplateFilter::default() };
        let all = world.store.list_templates(&filter).await.expect("listed");
        assert_eq!(all, [TemplateListing { template: world.template.clone(), usage: None }]);
        let after = TemplateFilter { after: Some("local".to_owned()), ..filter };
        assert_eq!(world.store.list_templates(&after).await.expect("listed"), []);
        assert_eq!(world.store.get_workspace(WorkspaceId(SystemIds.next())).await.expect("asked"), None);
    }
}

#[tokio::test]
async fn concurrent_leases_take_each_build_once_and_nobody_comes_back_empty_handed() {
    const BUILDS: usize = 64;
    for world in worlds().await {
        for number in 0..BUILDS {
            world.insert(&format!("w-{number}")).await;
        }
        let claims = (0..BUILDS).map(|number| world.claim(&format!("p-{number}"), &format!("t-{number}")));
        let claims: Vec<_> = claims.collect();
        let leased = join_all(claims.iter().map(|claim| world.store.lease_build(claim))).await;
        let builds: Vec<_> =
            leased.into_iter().filter_map(|one| one.expect("asked")).map(|one| granted(one).build.id).collect();
        assert_eq!(builds.len(), BUILDS, "{}: some came back empty-handed", world.engine);
        assert_eq!(builds.iter().collect::<HashSet<_>>().len(), BUILDS, "{}: some were leased twice", world.engine);
        assert_eq!(world.lease("late", "late").await, None);
    }
}

#[tokio::test]
async fn the_oldest_build_of_the_right_kind_is_leased_first() {
    for mut world in worlds().await {
        let mut expected = Vec::new();
        for name in ["a", "b", "c"] {
            expected.push(world.insert(name).await.build.id);
            world.now += Duration::from_secs(1);
        }
        for kind in ["remote", "loca", "local-2"] {
            let claim = Claim { kinds: vec![kind.to_owned()], ..world.claim("p", "t") };
            assert_eq!(world.store.lease_build(&claim).await.expect("asked"), None, "{}: {kind}", world.engine);
        }
        let mut leased = Vec::new();
        for token in ["1", "2", "3"] {
            let one = world.lease("p", token).await.expect("a build");
            assert_eq!((one.kind.as_str(), one.build.status), ("local", BuildStatus::Running));
            leased.push(one.build.id);
        }
        assert_eq!(leased, expected, "{}", world.engine);
    }
}

/// B.4, B.8: starts may wait for long, and those who stop or delete something must not wait behind them.
#[tokio::test]
async fn what_stops_or_deletes_comes_before_what_starts_and_what_is_made_in_advance_is_last() {
    for mut world in worlds().await {
        let mut running = Vec::new();
        for name in ["stopped", "deleted"] {
            running.push(world.insert(name).await.workspace.id);
            world.carry_out(name).await;
        }
        let owner = std::mem::replace(&mut world.owner, PREBUILD_OWNER.0);
        let mut expected = vec![world.insert("prebuilt").await.build.id];
        world.owner = owner;
        for name in ["b", "a"] {
            world.now += Duration::from_secs(1);
            expected.insert(expected.len() - 1, world.insert(name).await.build.id);
        }
        for (place, (id, transition)) in running.into_iter().zip([Transition::Stop, Transition::Delete]).enumerate() {
            world.now += Duration::from_secs(1);
            expected.insert(place, world.build(id, transition).await.expect("made").id);
        }
        let mut leased = Vec::new();
        while let Some(one) = world.lease("p", &leased.len().to_string()).await {
            leased.push(one.build.id);
        }
        assert_eq!(leased, expected, "{}", world.engine);
    }
}

/// A slot that is kept free for stops is not taken by a start, however long that has waited.
#[tokio::test]
async fn who_asks_for_stops_and_deletions_is_given_no_start() {
    for mut world in worlds().await {
        let mut running = Vec::new();
        for name in ["deleted", "stopped"] {
            running.push(world.insert(name).await.workspace.id);
            world.carry_out(name).await;
        }
        let start = world.insert("waiting").await.build.id;
        world.now += Duration::from_secs(100);
        let mut expected = Vec::new();
        for (id, transition) in running.into_iter().zip([Transition::Delete, Transition::Stop]) {
            expected.push(world.build(id, transition).await.expect("made").id);
            world.now += Duration::from_secs(1);
        }
        let claim = |transitions: &[Transition], token: &str| Claim {
            transitions: transitions.to_vec(),
            ..world.claim("p", token)
        };
        for (number, id) in expected.into_iter().enumerate() {
            let claim = claim(&[Transition::Stop, Transition::Delete], &number.to_string());
            let leased = world.store.lease_build(&claim).await.expect("asked").map(granted);
            assert_eq!(leased.expect("a build").build.id, id, "{}", world.engine);
        }
        let ends = claim(&[Transition::Stop, Transition::Delete], "x");
        assert_eq!(world.store.lease_build(&ends).await.expect("asked"), None, "{}", world.engine);
        let leased = world.store.lease_build(&claim(&[Transition::Start], "y")).await.expect("asked").map(granted);
        assert_eq!(leased.expect("a build").build.id, start, "{}", world.engine);
    }
}

/// Stops that fail are made again and again: a start is overtaken for a minute, and not for ever.
#[tokio::test]
async fn a_start_that_has_waited_is_not_overtaken() {
    for mut world in worlds().await {
        let running = world.insert("running").await.workspace.id;
        world.carry_out("running").await;
        let start = world.insert("waiting").await.build.id;
        let stop = world.build(running, Transition::Stop).await.expect("made").id;
        world.now += Duration::from_secs(60);
        let mut leased = Vec::new();
        while let Some(one) = world.lease("p", &leased.len().to_string()).await {
            leased.push(one.build.id);
        }
        assert_eq!(leased, [start, stop], "{}: the older one", world.engine);
    }
}

#[tokio::test]
async fn an_expired_lease_is_taken_over_and_its_holder_is_fenced() {
    for mut world in worlds().await {
        let id = world.insert("dev").await.workspace.id;
        let first = world.lease("one", "token-1").await.expect("a build");
        let build = first.build.id;
        assert_eq!(first.build.lease_expires_at, Some(world.now + LEASE));
        assert_eq!(world.get(id).await.status(), WorkspaceStatus::Starting);

        world.now += LEASE - Duration::from_micros(1);
        assert_eq!(world.lease("two", "token-2").await, None, "{}: it holds", world.engine);
        world.store.renew_lease(build, "one", world.now + LEASE).await.expect("renewed");
        assert!(is_lost(&world.store.renew_lease(build, "two", world.now + LEASE).await));
        world.now += LEASE - Duration::from_micros(1);
        assert_eq!(world.lease("two", "token-2").await, None, "{}: it was renewed", world.engine);

        world.now += Duration::from_micros(1);
        world.store.renew_lease(build, "one", world.now).await.expect("expired, but nobody took it");
        let second = world.lease("two", "token-2").await.expect("taken over");
        assert_eq!((second.build.id, second.agent_id), (build, first.agent_id), "{}", world.engine);
        assert!(is_lost(&world.store.renew_lease(build, "one", world.now + LEASE).await));
        assert!(is_lost(&world.end(build, "one", Outcome::Succeeded).await));
        assert!(is_lost(&world.end(build, "one", Outcome::failed("no")).await));

        let find = async |token: &str| world.store.find_agent_by_token(token.as_bytes()).await.expect("asked");
        assert_eq!(find("token-1").await, None, "{}: the old token works no more", world.engine);
        let known = find("token-2").await.expect("the new token works");
        assert_eq!((Some(known.agent.id), known.agent.build_id, known.current), (first.agent_id, build, true));

        let ended = world.end(build, "two", Outcome::Succeeded).await.expect("completed");
        assert_eq!(ended.status, BuildStatus::Succeeded);
        assert_eq!(world.end(build, "two", Outcome::Succeeded).await.expect("completed again"), ended);
        assert!(is_lost(&world.end(build, "two", Outcome::failed("no")).await));
        assert!(is_lost(&world.store.renew_lease(build, "two", world.now + LEASE).await));
        world.now += LEASE * 2;
        assert_eq!(world.lease("three", "token-3").await, None, "{}: what is done stays done", world.engine);
        let unknown = world.end(BuildId(SystemIds.next()), "two", Outcome::Succeeded).await;
        assert!(matches!(unknown, Err(StoreError::NotFound)));
    }
}

#[tokio::test]
async fn a_workspace_has_one_active_build_and_numbers_without_gaps() {
    for world in worlds().await {
        let id = world.insert("dev").await.workspace.id;
        assert!(matches!(
            world.build(id, Transition::Stop).await,
            Err(StoreError::Refused(Refusal::BuildActive(WorkspaceStatus::Pending)))
        ));
        world.carry_out("t").await;
        assert!(matches!(world.build(id, Transition::Start).await, Err(StoreError::Refused(Refusal::AlreadyRunning))));

        let builds = (0..16).map(|_| world.new_build(id, Transition::Stop, None)).collect::<Vec<_>>();
        let results = join_all(builds.iter().map(|new| world.store.insert_build(new))).await;
        let (made, refused): (Vec<_>, Vec<_>) = results.into_iter().partition(Result::is_ok);
        assert_eq!((made.len(), refused.len()), (1, 15), "{}", world.engine);
        for error in refused {
            assert!(matches!(error, Err(StoreError::Refused(Refusal::BuildActive(_)))), "{}: {error:?}", world.engine);
        }
        let stop = world.carry_out("unused").await;
        assert_eq!((stop.build.transition, stop.agent_id), (Transition::Stop, None));
        assert_eq!(world.get(id).await.agents, [], "{}: a stopped workspace has no agent", world.engine);

        let start = world.build(id, Transition::Start).await.expect("started");
        let leased = world.lease("p", "t-2").await.expect("a build");
        world.end(leased.build.id, "p", Outcome::failed("disk full")).await.expect("failed");
        let details = world.get(id).await;
        assert_eq!((details.status(), details.build.error.as_deref()), (WorkspaceStatus::Failed, Some("disk full")));
        assert_eq!(start.number, 3);

        let numbers = async |before, limit| {
            let builds = world.store.list_builds(id, before, limit).await.expect("listed");
            builds.into_iter().map(|build| build.number).collect::<Vec<_>>()
        };
        assert_eq!(numbers(None, 10).await, [3, 2, 1], "{}", world.engine);
        assert_eq!(numbers(Some(3), 1).await, [2], "{}", world.engine);
    }
}

#[tokio::test]
async fn the_same_request_again_has_the_first_result() {
    for world in worlds().await {
        let request = Some(SystemIds.next());
        let news = (0..8).map(|_| world.new_workspace("dev", request)).collect::<Vec<_>>();
        let results = join_all(news.iter().map(|new| world.store.insert_workspace(new))).await;
        let mut created = 0;
        let mut ids = HashSet::new();
        for result in results {
            match result.expect("asked") {
                Inserted::Created(details) => {
                    created += 1;
                    ids.insert(details.workspace.id);
                }
                Inserted::Repeated(details) => {
                    ids.insert(details.workspace.id);
                }
                other => panic!("{}: the request's own workspace has the name: {other:?}", world.engine),
            }
        }
        assert_eq!((created, ids.len()), (1, 1), "{}", world.engine);
        let id = ids.into_iter().next().expect("one");
        world.carry_out("t").await;

        let request = Some(SystemIds.next());
        let builds = (0..8).map(|_| world.new_build(id, Transition::Stop, request)).collect::<Vec<_>>();
        let results = join_all(builds.iter().map(|new| world.store.insert_build(new))).await;
        let made: HashSet<_> = results.into_iter().map(|result| result.expect("made or repeated").id).collect();
        assert_eq!(made.len(), 1, "{}", world.engine);
        world.carry_out("unused").await;
        let again = world.store.insert_build(&world.new_build(id, Transition::Stop, request)).await;
        assert!(made.contains(&again.expect("repeated, though it is stopped now").id));
        let other = world.store.insert_build(&world.new_build(id, Transition::Start, request)).await;
        assert!(matches!(other, Err(StoreError::RequestReused)), "{}: {other:?}", world.engine);
    }
}

#[tokio::test]
async fn names_are_unique_per_owner_until_the_workspace_is_deleted() {
    for mut world in worlds().await {
        let first = world.insert("dev").await.workspace.id;
        let taken = world.store.insert_workspace(&world.new_workspace("dev", Some(SystemIds.next()))).await;
        assert_eq!(taken.expect("asked"), Inserted::NameTaken, "{}", world.engine);
        let owner = std::mem::replace(&mut world.owner, SystemIds.next());
        let foreign = world.insert("dev").await.workspace.id;
        world.owner = owner;

        world.carry_out("t-1").await;
        world.carry_out("t-2").await;
        world.build(first, Transition::Delete).await.expect("deleting");
        let taken = world.store.insert_workspace(&world.new_workspace("dev", Some(SystemIds.next()))).await;
        assert_eq!(taken.expect("asked"), Inserted::NameBeingFreed, "{}: until it is gone", world.engine);
        world.now += Duration::from_secs(5);
        world.carry_out("unused").await;
        let deleted = world.get(first).await;
        assert!(deleted.workspace.deleted);
        assert_eq!((deleted.status(), deleted.workspace.updated_at), (WorkspaceStatus::Deleted, world.now));
        assert!(matches!(world.build(first, Transition::Start).await, Err(StoreError::Refused(Refusal::Deleted))));
        assert!(matches!(
            world.build(WorkspaceId(SystemIds.next()), Transition::Start).await,
            Err(StoreError::NotFound)
        ));

        let second = world.insert("dev").await.workspace.id;
        let third = world.insert("test").await.workspace.id;
        let list = async |after, limit| {
            let found = world.store.list_workspaces(world.owner.into(), after, limit).await.expect("listed");
            found.into_iter().map(|details| details.workspace.id).collect::<Vec<_>>()
        };
        assert_eq!(list(None, 10).await, [second, third], "{}", world.engine);
        assert_eq!(list(None, 1).await, [second]);
        assert_eq!(list(Some(second), 10).await, [third]);
        assert!(!list(None, 10).await.contains(&foreign));
    }
}

#[tokio::test]
async fn reports_of_an_older_session_change_nothing() {
    for mut world in worlds().await {
        let id = world.insert("dev").await.workspace.id;
        let agent = world.carry_out("t").await.agent_id.expect("an agent");
        let began = world.now;
        let report = async |epoch, connected, at| {
            let report = Report { epoch, connected, at };
            world.store.report_connection(agent, report).await.expect("asked").expect("known")
        };
        let status = async |at| {
            let agent = world.get(id).await.agents.pop().expect("an agent");
            (agent.status(at), agent.epoch)
        };
        let at = |seconds| began + Duration::from_secs(seconds);

        assert_eq!(status(at(0)).await, (AgentStatus::Connecting, 0));
        let known = world.store.get_agent(agent).await.expect("asked").expect("known").agent;
        assert_eq!(Some(known), world.get(id).await.agents.pop(), "{}: all ways to it say the same", world.engine);
        assert_eq!(status(at(121)).await, (AgentStatus::Timeout, 0), "{}", world.engine);
        let first = report(7, true, at(1)).await;
        assert_eq!((first.workspace_id, first.current, first.flipped), (id, true, true), "{}", world.engine);
        assert!(!report(7, true, at(2)).await.flipped);
        assert!(!report(6, false, at(3)).await.flipped, "{}: an older session has no say", world.engine);
        assert_eq!(status(at(3)).await, (AgentStatus::Connected, 7));
        assert!(!report(8, true, at(4)).await.flipped, "{}: the new session takes over", world.engine);
        assert!(!report(7, false, at(5)).await.flipped, "{}: the end of the old one comes late", world.engine);
        assert_eq!(status(at(5)).await, (AgentStatus::Connected, 8));
        assert!(report(8, false, at(6)).await.flipped);
        assert_eq!(status(at(6)).await, (AgentStatus::Disconnected, 8));

        let details = world.get(id).await.agents.pop().expect("an agent");
        assert_eq!(details.first_connected_at, Some(at(1)));
        assert_eq!((details.last_connected_at, details.disconnected_at), (Some(at(4)), Some(at(6))));

        world.build(id, Transition::Stop).await.expect("stopping");
        assert!(report(9, true, at(7)).await.current, "{}: what runs on stop is reported", world.engine);
        let stop = world.lease("p", "t-2").await.expect("a build");
        world.end(stop.build.id, "p", Outcome::Succeeded).await.expect("stopped");
        assert!(!report(9, true, at(8)).await.current, "{}: its workspace is stopped", world.engine);
        let known = world.store.find_agent_by_token(b"t").await.expect("asked").expect("known");
        assert!(!known.current);
        world.build(id, Transition::Start).await.expect("starting");
        assert!(!report(9, true, at(9)).await.current, "{}: another build starts the workspace", world.engine);
        let unknown = Report { epoch: 1, connected: true, at: at(8) };
        let nobody = world.store.report_connection(AgentId(SystemIds.next()), unknown).await.expect("asked");
        assert_eq!(nobody, None);
        world.now += Duration::from_secs(1);
    }
}
