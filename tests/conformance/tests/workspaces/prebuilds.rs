//! Workspaces that are made before anybody asks for them.

use std::sync::Arc;
use std::time::Duration;

use chatmesh_core::{IdSource as _, SystemIds};
use chatmesh_workspaces::{
    AgentId, BuildReason, BuildStatus, ForChat, Inserted, Lifecycle, LifecycleBatch, LifecycleReport, LifecycleState,
    NewBuild, NewWorkspace, PREBUILD_OWNER, Quota, Report, Start, StoreError, Template, TemplateFilter, Transition,
    WorkspaceDetails, WorkspaceId, WorkspaceStatus, WorkspaceStore as _,
};
use futures::future::join_all;

use crate::world::{World, version, worlds};

const MANIFEST: &str = "
daily_cost = 2
default_ttl = '1h'
max_lifetime = '90m'
[[parameters]]
name = 'size'
type = 'number'
mutable = true
default = 1
[[presets]]
name = 'large'
parameters = { size = 9 }
prebuilds = { instances = 2 }
";

impl World {
    async fn pooled(&self) -> Template {
        self.store.push_version(&version("go", MANIFEST, self.now)).await.expect("pushed").template
    }

    fn wanted(&self, template: &Template, name: &str, start: Start) -> NewWorkspace {
        let mut new = self.new_workspace(name, Some(SystemIds.next()));
        new.workspace.template_id = template.id;
        new.workspace.template = template.name.clone();
        NewWorkspace { start, ..new }
    }

    async fn create_as(&self, new: &NewWorkspace) -> WorkspaceDetails {
        match self.store.insert_workspace(new).await.expect("asked") {
            Inserted::Created(details) => details,
            other => panic!("{}: {other:?}", self.engine),
        }
    }

    /// A workspace that nobody has claimed, whose agent is not connected yet.
    async fn prebuilt(&self, template: &Template, name: &str) -> (WorkspaceId, AgentId) {
        let mut new = self.wanted(template, name, large());
        new.workspace.owner_id = PREBUILD_OWNER;
        new.workspace.ttl_seconds = Some(0);
        let created = self.create_as(&new).await;
        assert_eq!((created.build.reason, created.build.initiator), (Some(BuildReason::Prebuild), None));
        let leased = self.carry_out(name).await;
        (created.workspace.id, leased.agent_id.expect("an agent"))
    }

    async fn connect(&self, agent: AgentId, epoch: u32) {
        let report = Report { epoch, connected: true, at: self.now };
        self.store.report_connection(agent, report).await.expect("asked").expect("known");
    }

    async fn reach(&self, agent: AgentId, state: LifecycleState) {
        let lifecycle = Lifecycle { state, changed_at: Some(self.now), message: String::new() };
        let reports = vec![(1, LifecycleReport::State(lifecycle))];
        let batch = LifecycleBatch { instance_id: SystemIds.next(), epoch: 1, reports };
        self.store.report_lifecycle(agent, batch).await.expect("asked").expect("known");
    }

    /// A workspace that can be claimed.
    async fn ready(&self, template: &Template, name: &str) -> (WorkspaceId, AgentId) {
        let (id, agent) = self.prebuilt(template, name).await;
        self.connect(agent, 1).await;
        self.reach(agent, LifecycleState::Ready).await;
        (id, agent)
    }
}

fn large() -> Start {
    Start { preset: "large".to_owned(), ..Start::default() }
}

/// B.4, E5: one transaction hands it over; its agent stays as it is, with its token.
#[tokio::test]
async fn a_workspace_that_is_ready_becomes_the_one_of_whoever_asks() {
    for mut world in worlds().await {
        let template = world.pooled().await;
        let (id, agent) = world.ready(&template, "pre-1").await;
        world.now += Duration::from_secs(5);
        let new = world.wanted(&template, "dev", large());
        let claimed = world.create_as(&new).await;
        assert_eq!((claimed.workspace.id, claimed.status()), (id, WorkspaceStatus::Running), "{}", world.engine);
        let workspace = &claimed.workspace;
        assert_eq!((workspace.owner_id, workspace.name.as_str()), (world.owner.into(), "dev"), "{}", world.engine);
        assert_eq!((workspace.ttl_seconds, workspace.created_at), (None, world.now), "{}", world.engine);
        assert_eq!(claimed.build.deadline, Some(world.now + Duration::from_secs(3600)), "{}", world.engine);
        let last = Some(world.now + Duration::from_secs(5400));
        assert_eq!(claimed.build.max_deadline, last, "{}: it begins to run for its owner", world.engine);
        let initiator = Some(world.owner.into());
        assert_eq!((claimed.build.reason, claimed.build.initiator), (Some(BuildReason::Initiator), initiator));
        assert_eq!(claimed.agents.iter().map(|one| one.id).collect::<Vec<_>>(), [agent], "{}", world.engine);
        let known = world.store.find_agent_by_token(b"pre-1").await.expect("asked").expect("known");
        assert!(known.current && known.agent.id == agent, "{}: it stays connected", world.engine);
        assert_eq!(world.get(id).await, claimed, "{}", world.engine);
        assert_eq!(world.store.consumed(world.owner.into()).await.expect("asked"), 2, "{}", world.engine);

        let again = world.store.insert_workspace(&new).await.expect("asked");
        assert_eq!(again, Inserted::Repeated(claimed), "{}: the same request again", world.engine);
        let taken = world.store.insert_workspace(&world.wanted(&template, "dev", large())).await.expect("asked");
        assert_eq!(taken, Inserted::NameTaken, "{}", world.engine);
        let next = world.create_as(&world.wanted(&template, "two", large())).await;
        assert_eq!(next.build.status, BuildStatus::Pending, "{}: there is no other", world.engine);
        assert_eq!(world.store.list_workspaces(PREBUILD_OWNER, None, 9).await.expect("listed"), []);
    }
}

#[tokio::test]
async fn of_many_who_ask_at_once_each_gets_one_of_their_own() {
    for world in worlds().await {
        let template = world.pooled().await;
        for name in ["pre-1", "pre-2", "pre-3"] {
            world.ready(&template, name).await;
        }
        let news: Vec<_> = (0..8).map(|number| world.wanted(&template, &format!("w-{number}"), large())).collect();
        let made = join_all(news.iter().map(|new| world.create_as(new))).await;
        let running = made.iter().filter(|details| details.status() == WorkspaceStatus::Running).count();
        assert_eq!(running, 3, "{}", world.engine);
        let mut ids: Vec<_> = made.iter().map(|details| details.workspace.id).collect();
        ids.sort();
        ids.dedup();
        assert_eq!(ids.len(), 8, "{}", world.engine);
        let mine = world.store.list_workspaces(world.owner.into(), None, 20).await.expect("listed");
        assert_eq!(mine.len(), 8, "{}", world.engine);
    }
}

/// B.4: it is claimed by the values, with or without the name of the preset, and only once its agent is ready.
#[tokio::test]
async fn only_what_is_ready_and_just_what_was_asked_for_is_handed_over() {
    for mut world in worlds().await {
        let template = world.pooled().await;
        let (id, agent) = world.prebuilt(&template, "pre-1").await;
        let ask = async |world: &World, name: &str, start: Start| {
            world.create_as(&world.wanted(&template, name, start)).await.workspace.id == id
        };
        assert!(!ask(&world, "a", large()).await, "{}: it never connected", world.engine);
        world.connect(agent, 1).await;
        assert!(!ask(&world, "b", large()).await, "{}: its scripts may run", world.engine);
        world.reach(agent, LifecycleState::Ready).await;
        assert!(!ask(&world, "c", Start::default()).await, "{}: it is of another size", world.engine);
        world.now += Duration::from_secs(31);
        assert!(!ask(&world, "d", large()).await, "{}: it fell silent", world.engine);
        world.connect(agent, 1).await;
        let newer = world.store.push_version(&version("go", &format!("icon = '/2'\n{MANIFEST}"), world.now)).await;
        assert!(newer.expect("pushed").created);
        assert!(!ask(&world, "e", large()).await, "{}: it is of an older version", world.engine);
        let parameters = [("size".to_owned(), "9".to_owned())].into();
        let by_values =
            Start { version: Some(chatmesh_workspaces::WhichVersion::Number(1)), parameters, ..Start::default() };
        assert!(ask(&world, "f", by_values).await, "{}: the values are those of the preset", world.engine);
        assert_eq!(world.get(id).await.build.recipe.preset, "", "{}: no preset was chosen", world.engine);
    }
}

/// B.12: whoever has not enough credits gets a build that says so, and not somebody's work.
#[tokio::test]
async fn a_workspace_is_not_handed_over_to_whoever_has_not_enough_credits() {
    for mut world in worlds().await {
        world.quota = Arc::new(Quota { everybody: Some(3), ..Quota::default() });
        let template = world.pooled().await;
        world.ready(&template, "pre-1").await;
        world.ready(&template, "pre-2").await;
        let first = world.create_as(&world.wanted(&template, "a", large())).await;
        assert_eq!(first.status(), WorkspaceStatus::Running, "{}", world.engine);
        let second = world.create_as(&world.wanted(&template, "b", large())).await;
        assert_eq!(second.status(), WorkspaceStatus::Pending, "{}", world.engine);
        let left = world.store.list_workspaces(PREBUILD_OWNER, None, 9).await.expect("listed");
        assert_eq!(left.len(), 1, "{}", world.engine);
    }
}

/// A.3: what was made in advance gets a time to live that fits, like what is made anew.
#[tokio::test]
async fn a_time_to_live_is_made_to_fit_where_a_workspace_is_claimed() {
    for world in worlds().await {
        let template = world.pooled().await;
        let (id, _) = world.ready(&template, "pre-1").await;
        let mut new = NewWorkspace { bounds_ttl: true, ..world.wanted(&template, "dev", large()) };
        new.workspace.ttl_seconds = Some(28_800);
        let claimed = world.create_as(&new).await;
        let lasts = Duration::from_secs(5400);
        assert_eq!((claimed.workspace.id, claimed.workspace.ttl_seconds), (id, Some(5400)), "{}", world.engine);
        let deadlines = (claimed.build.deadline, claimed.build.max_deadline);
        assert_eq!(deadlines, (Some(world.now + lasts), Some(world.now + lasts)), "{}", world.engine);
    }
}

#[tokio::test]
async fn what_somebody_claimed_is_not_cleared_away_and_what_people_wait_for_comes_first() {
    for mut world in worlds().await {
        let template = world.pooled().await;
        let (id, _) = world.ready(&template, "pre-1").await;
        let (other, _) = world.ready(&template, "pre-2").await;
        world.create_as(&world.wanted(&template, "dev", large())).await;
        let clear = |id| NewBuild {
            reason: BuildReason::Prebuild,
            initiator: None,
            ..world.new_build(id, Transition::Delete, None)
        };
        let refused = world.store.insert_build(&clear(id)).await;
        assert!(matches!(refused, Err(StoreError::NotDue)), "{}: {refused:?}", world.engine);
        let clear = world.store.insert_build(&clear(other)).await.expect("nobody claimed it");
        let mut own = world.wanted(&template, "pre-3", large());
        own.workspace.owner_id = PREBUILD_OWNER;
        world.create_as(&own).await;
        world.now += Duration::from_secs(5);
        let mine = world.insert("mine").await;
        let first = world.lease("p", "t").await.expect("a build").build;
        assert_eq!(first.id, mine.build.id, "{}: though it was asked for last", world.engine);
        assert_eq!(world.lease("p", "u").await.expect("a build").build.id, clear.id, "{}", world.engine);

        let usage =
            TemplateFilter { limit: 9, usage: Some((world.owner.into(), world.now)), ..TemplateFilter::default() };
        let listed = world.store.list_templates(&usage).await.expect("listed");
        let go = listed[0].usage.as_ref().map(|usage| (usage.active_developers, usage.own_workspaces));
        assert_eq!(go, Some((1, 1)), "{}: what nobody claimed is nobody's", world.engine);
    }
}

#[tokio::test]
async fn the_versions_with_something_to_make_in_advance_are_found() {
    for world in worlds().await {
        let template = world.pooled().await;
        let names = async || {
            let found = world.store.list_pool_versions().await.expect("listed");
            assert!(found.unreadable.is_empty());
            found.versions.into_iter().map(|version| version.info.template_id).collect::<Vec<_>>()
        };
        assert_eq!(names().await, [template.id], "{}", world.engine);
        for (archived, deprecation) in [(true, ""), (false, "use rust")] {
            let change = chatmesh_workspaces::TemplateChange {
                archived: Some(archived),
                deprecation: Some(deprecation.to_owned()),
                ..chatmesh_workspaces::TemplateChange::default()
            };
            world.store.update_template(template.id, &change).await.expect("changed");
            assert_eq!(names().await, [], "{}: {archived} {deprecation}", world.engine);
        }
    }
}

/// L02, L17: one that was made in advance is found as its chat's, like any other; a second call takes none.
#[tokio::test]
async fn l17_a_workspace_that_was_made_in_advance_is_its_chats() {
    for world in worlds().await {
        let template = world.pooled().await;
        world.ready(&template, "pre-1").await;
        world.ready(&template, "pre-2").await;
        let chat = Some(ForChat { chat_id: SystemIds.next(), replaces: None });
        let for_chat = |name: &str| NewWorkspace { chat, ..world.wanted(&template, name, large()) };
        let new = [for_chat("dev"), for_chat("dev-2")];
        let all = join_all(new.iter().map(|new| world.store.insert_workspace(new))).await;
        let all: Vec<_> = all.into_iter().map(|one| one.expect("asked")).collect();
        let id = |one: &Inserted| match one {
            Inserted::Created(details) | Inserted::OfChat(details) => details.workspace.id,
            other => panic!("{}: {other:?}", world.engine),
        };
        assert_eq!(id(&all[0]), id(&all[1]), "{}: {all:?}", world.engine);
        let left = world.create_as(&world.wanted(&template, "another", large())).await;
        assert_eq!(left.status(), WorkspaceStatus::Running, "{}: the other one is still there", world.engine);
        assert_ne!(left.workspace.id, id(&all[0]), "{}", world.engine);
    }
}
