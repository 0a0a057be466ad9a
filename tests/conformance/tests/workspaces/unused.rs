//! Workspaces that nobody uses, and templates that somebody does.

use std::time::Duration;

use chatmesh_core::{IdSource as _, SystemIds, Timestamp};
use chatmesh_workspaces::{
    BuildReason, Due, Inserted, NewBuild, Start, StoreError, Template, TemplateChange, TemplateFilter, TemplateId,
    TemplateListing, TemplateUsage, Transition, WorkspaceDetails, WorkspaceId, WorkspaceStore as _,
};
use futures::future::join_all;

use crate::world::{World, version, worlds};

const HOUR: Duration = Duration::from_secs(3600);

impl World {
    async fn template(&self, name: &str, manifest: &str) -> Template {
        self.store.push_version(&version(name, manifest, self.now)).await.expect("pushed").template
    }

    async fn create_of(&self, template: TemplateId, name: &str, ttl: Option<u32>) -> WorkspaceDetails {
        let mut new = self.new_workspace(name, None);
        new.workspace.template_id = template;
        new.workspace.ttl_seconds = ttl;
        match self.store.insert_workspace(&new).await.expect("asked") {
            Inserted::Created(details) => details,
            other => panic!("{}: {other:?}", self.engine),
        }
    }

    async fn deadline(&self, id: WorkspaceId) -> Option<Timestamp> {
        self.get(id).await.build.deadline
    }

    async fn used(&self, id: WorkspaceId) -> Option<Timestamp> {
        self.store.report_activity(id, self.now).await.expect("asked").expect("there").deadline
    }

    async fn due(&self) -> Vec<Due> {
        self.store.list_due(self.now, None, 10).await.expect("listed")
    }

    fn autostop(&self, due: Due) -> NewBuild {
        let new = self.new_build(due.workspace_id, Transition::Stop, Some(due.build_id.0));
        NewBuild { reason: BuildReason::Autostop, initiator: None, ..new }
    }

    async fn listed(&self, filter: TemplateFilter) -> Vec<TemplateListing> {
        self.store.list_templates(&TemplateFilter { limit: 10, ..filter }).await.expect("listed")
    }
}

/// B.8: the deadline counts from when the workspace runs.
#[tokio::test]
async fn a_workspace_has_a_deadline_once_it_runs_until_another_build_follows() {
    for mut world in worlds().await {
        let template = world.template("go", "default_ttl = '8h'").await.id;
        for (name, ttl, expected) in
            [("a", None, Some(8 * HOUR)), ("b", Some(60), Some(HOUR / 60)), ("c", Some(0), None)]
        {
            let created = world.create_of(template, name, ttl).await;
            let id = created.workspace.id;
            assert_eq!(world.get(id).await.workspace.ttl_seconds, ttl, "{}", world.engine);
            world.now += HOUR;
            world.carry_out(name).await;
            let deadline = expected.map(|ttl| world.now + ttl);
            assert_eq!(world.deadline(id).await, deadline, "{}: {name}", world.engine);
            world.build(id, Transition::Stop).await.expect("stopping");
            let builds = world.store.list_builds(id, None, 10).await.expect("listed");
            assert!(builds.iter().all(|build| build.deadline.is_none()), "{}: {builds:?}", world.engine);
            world.carry_out("unused").await;
            assert_eq!(world.deadline(id).await, None, "{}: what is stopped has none", world.engine);
        }
        let plain = world.insert("plain").await.workspace.id;
        world.carry_out("t").await;
        assert_eq!(world.deadline(plain).await, None, "{}", world.engine);
    }
}

/// B.8: a use moves the deadline, is written down only after a twentieth of what it gains, and never shortens.
#[tokio::test]
async fn a_use_moves_the_deadline_of_what_runs_and_of_nothing_else() {
    for mut world in worlds().await {
        let template = world.template("go", "default_ttl = '2h'\nactivity_bump = '1h'").await.id;
        let id = world.create_of(template, "a", None).await.workspace.id;
        assert_eq!(world.used(id).await, None, "{}: it does not run", world.engine);
        let last_used = async |world: &World| world.get(id).await.workspace.last_used_at;
        let first = world.now;
        assert_eq!(last_used(&world).await, Some(first), "{}", world.engine);
        world.carry_out("t").await;
        let began = world.now;
        assert_eq!(world.used(id).await, Some(began + 2 * HOUR), "{}: it has longer than that", world.engine);
        world.now = began + HOUR + HOUR / 20;
        assert_eq!(world.used(id).await, Some(began + 2 * HOUR), "{}: not yet", world.engine);
        world.now += HOUR / 12;
        let later = world.now + HOUR;
        assert_eq!(world.used(id).await, Some(later), "{}", world.engine);
        assert_eq!((world.deadline(id).await, last_used(&world).await), (Some(later), Some(world.now)));

        world.build(id, Transition::Stop).await.expect("stopping");
        world.now += 2 * HOUR;
        assert_eq!(world.used(id).await, None, "{}: it is being stopped", world.engine);
        assert_eq!(world.due().await, [], "{}", world.engine);
        let nobody = world.store.report_activity(WorkspaceId(SystemIds.next()), world.now).await.expect("asked");
        assert_eq!(nobody, None, "{}", world.engine);
    }
}

/// B.8: many uses are written down at once, each as it would be alone, and nothing goes beyond the last deadline.
#[tokio::test]
async fn many_uses_are_written_down_at_once_and_none_beyond_the_last_deadline() {
    for mut world in worlds().await {
        let free = world.template("free", "default_ttl = '30m'").await.id;
        let bound = world.template("bound", "default_ttl = '30m'\nmax_lifetime = '80m'").await.id;
        let mut ids = Vec::new();
        for (template, name) in [(free, "a"), (bound, "b"), (free, "c"), (free, "d")] {
            ids.push(world.create_of(template, name, None).await.workspace.id);
            if name != "d" {
                world.carry_out(name).await;
            }
        }
        let began = world.now;
        let last = world.get(ids[1]).await.build.max_deadline;
        assert_eq!(last, Some(began + HOUR * 4 / 3), "{}", world.engine);
        world.now += HOUR / 2;
        let asked = [ids[0], WorkspaceId(SystemIds.next()), ids[1], ids[3]];
        let found = world.store.report_activities(&asked, world.now).await.expect("asked");
        let found: Vec<_> = found.into_iter().map(|(id, one)| (id, one.deadline, one.moved)).collect();
        let later = Some(world.now + HOUR);
        let expected = [(ids[0], later, true), (ids[1], last, true), (ids[3], None, false)];
        assert_eq!(found, expected, "{}", world.engine);
        let again = world.store.report_activities(&asked, world.now).await.expect("asked");
        assert!(again.iter().all(|(_, one)| !one.moved), "{}: {again:?}", world.engine);
        for (id, deadline) in [(ids[0], later), (ids[1], last), (ids[2], Some(began + HOUR / 2)), (ids[3], None)] {
            assert_eq!(world.deadline(id).await, deadline, "{}", world.engine);
        }
        assert_eq!(world.get(ids[2]).await.workspace.last_used_at, None, "{}: it was not named", world.engine);
        assert_eq!(world.store.report_activities(&[], world.now).await.expect("asked"), [], "{}", world.engine);

        let refused = world.store.set_ttl(ids[1], 4801, world.now).await;
        assert!(matches!(refused, Err(StoreError::Unfit(_))), "{}: {refused:?}", world.engine);
        let set = world.store.set_ttl(ids[1], 4800, world.now).await.expect("changed");
        assert_eq!(set.build.deadline, last, "{}: it counts up to the last", world.engine);
        let mut new = world.new_workspace("e", None);
        (new.workspace.template_id, new.workspace.ttl_seconds) = (bound, Some(4801));
        let refused = world.store.insert_workspace(&new).await;
        assert!(matches!(refused, Err(StoreError::Unfit(_))), "{}: {refused:?}", world.engine);
        new.bounds_ttl = true;
        let Ok(Inserted::Created(created)) = world.store.insert_workspace(&new).await else { panic!("not created") };
        assert_eq!(created.workspace.ttl_seconds, Some(4800), "{}: it is made to fit", world.engine);
        let found = world.get(created.workspace.id).await.workspace;
        assert_eq!(found.ttl_seconds, Some(4800), "{}: and written down so", world.engine);
    }
}

/// What several processes say at once is of the same workspaces, in any order.
#[tokio::test]
async fn many_say_at_once_that_the_same_workspaces_are_used() {
    for mut world in worlds().await {
        let free = world.template("free", "default_ttl = '30m'").await.id;
        let mut ids = Vec::new();
        for number in 0..12 {
            ids.push(world.create_of(free, &format!("w{number}"), None).await.workspace.id);
            world.carry_out(&format!("t{number}")).await;
        }
        for round in 0..5 {
            world.now += HOUR / 4;
            let orders = (0..8).map(|reporter| {
                let mut ids = ids.clone();
                ids.rotate_left((reporter * 5 + round) % 12);
                ids.truncate(9);
                ids
            });
            let told = orders.map(async |ids| world.store.report_activities(&ids, world.now).await.expect("written"));
            let told = join_all(told).await;
            let moved = told.iter().flatten().filter(|(_, activity)| activity.moved).count();
            assert_eq!(moved, ids.len(), "{}: each was moved once", world.engine);
            for id in &ids {
                assert_eq!(world.deadline(*id).await, Some(world.now + HOUR), "{}", world.engine);
            }
        }
    }
}

#[tokio::test]
async fn a_time_to_live_that_is_changed_counts_from_now_where_the_workspace_runs() {
    for mut world in worlds().await {
        let id = world.insert("dev").await.workspace.id;
        let set = async |world: &World, seconds| {
            let changed = world.store.set_ttl(id, seconds, world.now).await.expect("changed");
            assert_eq!(changed, world.get(id).await, "{}", world.engine);
            assert_eq!(changed.workspace.ttl_seconds, Some(seconds), "{}", world.engine);
            changed.build.deadline
        };
        assert_eq!(set(&world, 60).await, None, "{}: it does not run yet", world.engine);
        world.carry_out("t").await;
        assert_eq!(world.deadline(id).await, Some(world.now + HOUR / 60), "{}", world.engine);
        world.now += HOUR;
        assert_eq!(set(&world, 120).await, Some(world.now + HOUR / 30), "{}", world.engine);
        assert_eq!(set(&world, 0).await, None, "{}", world.engine);
        let nobody = world.store.set_ttl(WorkspaceId(SystemIds.next()), 1, world.now).await;
        assert!(matches!(nobody, Err(StoreError::NotFound)), "{}: {nobody:?}", world.engine);
    }
}

/// B.8, B.9: what several replicas stop at once is stopped once, and what was used meanwhile is not.
#[tokio::test]
async fn what_nobody_uses_is_stopped_once_and_what_is_used_again_is_not() {
    for mut world in worlds().await {
        let (soon, later) = (world.insert("soon").await.workspace.id, world.insert("later").await.workspace.id);
        world.carry_out("t-1").await;
        world.carry_out("t-2").await;
        world.store.set_ttl(soon, 60, world.now).await.expect("changed");
        world.store.set_ttl(later, 120, world.now).await.expect("changed");
        assert_eq!(world.due().await, [], "{}", world.engine);
        world.now += Duration::from_secs(120);
        let due = world.due().await;
        assert_eq!(due.iter().map(|one| one.workspace_id).collect::<Vec<_>>(), [soon, later], "{}", world.engine);
        let page = async |after| world.store.list_due(world.now, after, 1).await.expect("listed");
        assert_eq!(page(None).await, due[..1], "{}", world.engine);
        assert_eq!(page(Some(due[0])).await, due[1..], "{}", world.engine);
        assert_eq!(page(Some(due[1])).await, [], "{}", world.engine);

        assert!(world.used(later).await.is_some_and(|deadline| deadline > world.now), "{}", world.engine);
        let refused = world.store.insert_build(&world.autostop(due[1])).await;
        assert!(matches!(refused, Err(StoreError::NotDue)), "{}: {refused:?}", world.engine);

        let news: Vec<_> = (0..8).map(|_| world.autostop(due[0])).collect();
        let made = join_all(news.iter().map(|new| world.store.insert_build(new))).await;
        let made: Vec<_> = made.into_iter().map(|one| one.expect("one build for all").id).collect();
        assert!(made.iter().all(|id| *id == made[0]), "{}: {made:?}", world.engine);
        let build = world.get(soon).await.build;
        assert_eq!((build.id, build.number, build.transition), (made[0], 2, Transition::Stop), "{}", world.engine);
        assert_eq!((build.reason, build.initiator), (Some(BuildReason::Autostop), None), "{}", world.engine);
        assert_eq!(world.due().await, [], "{}", world.engine);
        let first = world.store.list_builds(soon, None, 10).await.expect("listed").pop().expect("a build");
        assert_eq!((first.reason, first.initiator), (Some(BuildReason::Initiator), Some(world.owner.into())));
    }
}

/// A.1: what the ranking of templates needs, in one query.
#[tokio::test]
async fn a_list_of_templates_says_who_uses_them() {
    for mut world in worlds().await {
        let (go, c) = (world.template("go", "").await, world.template("c", "").await);
        let me = world.owner;
        let mine = world.create_of(go.id, "a", None).await.workspace.id;
        world.create_of(go.id, "b", None).await;
        let gone = world.create_of(go.id, "gone", None).await.workspace.id;
        for token in ["1", "2", "3"] {
            world.carry_out(token).await;
        }
        world.owner = SystemIds.next();
        world.create_of(go.id, "a", None).await;
        world.create_of(c.id, "b", None).await;
        world.owner = me;
        world.build(gone, Transition::Delete).await.expect("deleting");
        while world.lease("p", &SystemIds.next().to_string()).await.is_some_and(|one| one.workspace.id != gone) {}
        let delete = world.get(gone).await.build.id;
        world.end(delete, "p", chatmesh_workspaces::Outcome::Succeeded).await.expect("deleted");
        world.now += HOUR;
        world.used(mine).await;

        let since = world.now - 24 * HOUR;
        let usage = async |world: &World, since| {
            let listed = world.listed(TemplateFilter { usage: Some((me.into(), since)), ..TemplateFilter::default() });
            let usages = listed.await.into_iter().map(|one| (one.template.name, one.usage.expect("asked for")));
            usages.collect::<Vec<_>>()
        };
        let of_go =
            TemplateUsage { active_developers: 2, own_workspaces: 2, own_deleted: 1, own_last_use: Some(world.now) };
        let of_c = TemplateUsage { active_developers: 1, ..TemplateUsage::default() };
        let expected = [("c", of_c), ("go", of_go), ("local", TemplateUsage::default())];
        let expected = expected.map(|(name, usage)| (name.to_owned(), usage));
        assert_eq!(usage(&world, since).await, expected, "{}", world.engine);
        let late = usage(&world, world.now + HOUR).await;
        assert_eq!((late[1].1.own_deleted, late[1].1.own_last_use), (0, None), "{}: that is long ago", world.engine);
        assert_eq!(late[1].1.own_workspaces, 2, "{}: those are there all the same", world.engine);
    }
}

/// B.1: what is put away, or not for the tools of chats, is not listed for them.
#[tokio::test]
async fn templates_are_listed_for_whom_they_are() {
    for world in worlds().await {
        let names = async |filter| {
            let listed = world.listed(filter).await;
            listed.into_iter().map(|one| one.template.name).collect::<Vec<_>>()
        };
        let change = async |name: &str, change: TemplateChange| {
            let id = world.template(name, "").await.id;
            world.store.update_template(id, &change).await.expect("changed");
            id
        };
        let none = TemplateChange::default;
        let away = change("away", TemplateChange { archived: Some(true), ..none() }).await;
        change("old", TemplateChange { deprecation: Some("use local".to_owned()), ..none() }).await;
        change("people", TemplateChange { allowed_for_agents: Some(false), ..none() }).await;
        assert_eq!(names(TemplateFilter::default()).await, ["local", "old", "people"], "{}", world.engine);
        let all = TemplateFilter { with_archived: true, ..TemplateFilter::default() };
        assert_eq!(names(all).await, ["away", "local", "old", "people"], "{}", world.engine);
        let for_agents = TemplateFilter { for_agents: true, ..TemplateFilter::default() };
        assert_eq!(names(for_agents).await, ["local"], "{}", world.engine);

        let mut new = world.new_workspace("dev", None);
        new.workspace.template_id = away;
        new.start = Start::default();
        let refused = world.store.insert_workspace(&new).await;
        assert!(matches!(refused, Err(StoreError::Archived)), "{}: {refused:?}", world.engine);
    }
}

/// B.1: a template goes only with its last workspace, and its name is free then.
#[tokio::test]
async fn a_template_is_deleted_only_where_nobody_uses_it() {
    for world in worlds().await {
        let go = world.template("go", "").await.id;
        let id = world.create_of(go, "dev", None).await.workspace.id;
        world.carry_out("t").await;
        let refused = world.store.delete_template(go).await;
        assert!(matches!(refused, Err(StoreError::InUse(1))), "{}: {refused:?}", world.engine);
        world.build(id, Transition::Delete).await.expect("deleting");
        world.carry_out("unused").await;
        world.store.delete_template(go).await.expect("deleted");
        let again = world.store.delete_template(go).await;
        assert!(matches!(again, Err(StoreError::NotFound)), "{}: {again:?}", world.engine);
        for name in ["go".to_owned(), go.to_string()] {
            assert_eq!(world.store.find_template(&name).await.expect("asked"), None, "{}: {name}", world.engine);
        }
        let all = TemplateFilter { with_archived: true, ..TemplateFilter::default() };
        assert_eq!(world.listed(all).await.len(), 1, "{}", world.engine);
        assert_ne!(world.template("go", "").await.id, go, "{}: the name is free", world.engine);
        assert!(world.get(id).await.workspace.deleted, "{}: what was there is read as before", world.engine);
    }
}
