//! Builds with several agents, and with agents that the owners of their workspaces start.

use std::collections::BTreeMap;

use chatmesh_core::{IdSource as _, SystemIds, Uuid};
use chatmesh_db::{Migrations, Sql, values};
use chatmesh_testkit::databases;
use chatmesh_workspaces::{
    AgentId, BuildId, MIGRATIONS, Outcome, SqlWorkspaceStore, StoreError, Transition, WorkspaceId, WorkspaceStore as _,
};

use crate::world::{LEASE, World, version, worlds};

const INSERT_AGENT: Sql = Sql::portable(
    "INSERT INTO agents (id, workspace_id, build_id, token_digest, epoch, created_at, name, display_order, parent_id) \
     SELECT $1, workspace_id, build_id, $2, 0, created_at, $3, $4, $5 FROM agents WHERE id = $6",
);

impl World {
    /// Adds an agent beside `main`.
    async fn add_agent(&self, beside: AgentId, name: &str, display_order: i64, parent: Option<AgentId>) -> AgentId {
        let id = SystemIds.next();
        let parent = parent.map(|parent| parent.0);
        let row = values![id, id.as_bytes().to_vec(), name, display_order, parent, beside.0];
        assert_eq!(self.database.db.execute(INSERT_AGENT, row).await.expect("inserted"), 1, "{}", self.engine);
        id.into()
    }

    async fn names(&self, id: WorkspaceId) -> Vec<String> {
        self.get(id).await.agents.into_iter().map(|agent| agent.name).collect()
    }
}

/// C14: the store holds several agents of a build, in the order in which they are selected.
#[tokio::test]
async fn a_build_with_several_agents_has_them_all_in_order() {
    for world in worlds().await {
        let id = world.insert("dev").await.workspace.id;
        assert_eq!(world.names(id).await, [""; 0], "{}: none before a lease", world.engine);
        let main = world.carry_out("t").await.agent_id.expect("an agent");
        assert_eq!(world.names(id).await, ["main"], "{}", world.engine);
        let second = world.add_agent(main, "dev-chat", 2, None).await;
        world.add_agent(main, "api", 0, None).await;
        world.add_agent(main, "box", -1, Some(second)).await;
        assert_eq!(world.names(id).await, ["box", "api", "main", "dev-chat"], "{}", world.engine);
        let found = world.get(id).await.agents;
        assert_eq!((found[0].parent_id, found[0].display_order), (Some(second), -1), "{}", world.engine);
        assert_eq!((found[3].id, found[3].parent_id, found[3].display_order), (second, None, 2));

        let token = second.0.as_bytes();
        let known = world.store.find_agent_by_token(token).await.expect("asked").expect("known");
        assert_eq!((known.agent, known.current), (found[3].clone(), true), "{}: each has its token", world.engine);
        let taken = values![SystemIds.next(), vec![0], "api", 0_i64, None::<Uuid>, main.0];
        let taken = world.database.db.execute(INSERT_AGENT, taken).await;
        assert!(taken.is_err(), "{}: two agents of a build have one name", world.engine);
    }
}

/// C14: agents are read together with the page, and the page is cut by workspaces, not by agents.
#[tokio::test]
async fn pages_of_workspaces_are_cut_by_workspaces_however_many_agents_they_have() {
    for world in worlds().await {
        let mut ids = Vec::new();
        for (number, name) in ["a", "b", "c", "d"].into_iter().enumerate() {
            let id = world.insert(name).await.workspace.id;
            let leased = world.carry_out(&format!("t-{number}")).await;
            for extra in 0..number {
                world.add_agent(leased.agent_id.expect("an agent"), &format!("x{extra}"), 1, None).await;
            }
            ids.push(id);
        }
        let page = async |after, limit| {
            let found = world.store.list_workspaces(world.owner.into(), after, limit).await.expect("listed");
            found.into_iter().map(|details| (details.workspace.id, details.agents.len())).collect::<Vec<_>>()
        };
        assert_eq!(page(None, 3).await, [(ids[0], 1), (ids[1], 2), (ids[2], 3)], "{}", world.engine);
        assert_eq!(page(Some(ids[1]), 9).await, [(ids[2], 3), (ids[3], 4)], "{}", world.engine);
    }
}

/// The rows of agents that were there before a build could have several.
#[tokio::test]
async fn agents_of_an_older_schema_stay_and_are_the_main_ones() {
    const SETUP: [Sql; 4] = [
        Sql::portable(
            "INSERT INTO templates (id, name, description, provisioner, created_at) \
             VALUES ($1, 'local', '', 'local', $2)",
        ),
        Sql::portable(
            "INSERT INTO workspaces (id, owner_id, name, template_id, deleted, created_at, updated_at) \
             VALUES ($1, $1, 'dev', $1, FALSE, $2, $2)",
        ),
        Sql::portable(
            "INSERT INTO builds (id, workspace_id, build_number, transition, status, provisioner, leased_by, \
             created_at, completed_at) VALUES ($1, $1, 1, 'start', 'succeeded', 'local', 'p', $2, $2)",
        ),
        Sql::portable(
            "INSERT INTO agents (id, workspace_id, build_id, token_digest, epoch, created_at, last_connected_at) \
             VALUES ($1, $1, $1, $3, 7, $2, $2)",
        ),
    ];
    let older = Migrations { service: MIGRATIONS.service, steps: &MIGRATIONS.steps[..1] };
    for database in databases(older).await {
        let (id, now) = (SystemIds.next(), chatmesh_core::Clock::now(&chatmesh_core::SystemClock));
        for (number, statement) in SETUP.into_iter().enumerate() {
            let mut row = values![id, now];
            if number == 3 {
                row.extend(values![b"t".to_vec()]);
            }
            database.db.execute(statement, row).await.expect("inserted");
        }
        MIGRATIONS.apply(&database.db).await.expect("migrated");
        let store = SqlWorkspaceStore::new(database.db.clone());
        let agents = store.get_workspace(WorkspaceId(id)).await.expect("asked").expect("there").agents;
        let [agent] = agents.as_slice() else { panic!("{}: {agents:?}", database.engine) };
        assert_eq!((agent.id, agent.build_id, agent.epoch), (AgentId(id), BuildId(id), 7), "{}", database.engine);
        assert_eq!((agent.name.as_str(), agent.display_order, agent.parent_id), ("main", 0, None));
        assert_eq!((agent.created_at, agent.last_connected_at), (now, Some(now)), "{}", database.engine);
        let known = store.find_agent_by_token(b"t").await.expect("asked").expect("known");
        assert!(known.current, "{}: its token works on", database.engine);
    }
}

/// Issue 6, several agents: each of the manifest gets an identity and a token of its own when the build is leased.
#[tokio::test]
async fn each_agent_of_the_manifest_is_made_with_a_token_of_its_own() {
    for mut world in worlds().await {
        let manifest = "[[agents]]\nname = 'web'\ndisplay_order = 2\n[[agents]]\nname = 'dev-chat'\ndisplay_order = 1\n\
                        [[agents.scripts]]\nid = 'a'\nscript = 'x'\nrun_on_start = true\n";
        let pushed = world.store.push_version(&version("two", manifest, world.now)).await.expect("pushed");
        let mut new = world.new_workspace("dev", None);
        new.workspace.template_id = pushed.template.id;
        world.store.insert_workspace(&new).await.expect("inserted");
        let first = world.lease("one", "t").await.expect("a build");
        let names: Vec<_> = first.agents.iter().map(|agent| agent.name.as_str()).collect();
        assert_eq!((names, first.agent_id), (vec!["web", "dev-chat"], Some(first.agents[0].id)), "{}", world.engine);
        assert_eq!((first.version, first.settings.as_str()), (1, ""), "{}", world.engine);
        assert_eq!(world.names(new.workspace.id).await, ["dev-chat", "web"], "{}: by their order", world.engine);
        let find = async |token: &str| world.store.find_agent_by_token(token.as_bytes()).await.expect("asked");
        for (token, agent, scripts) in [("t", &first.agents[0], 0), ("t 1", &first.agents[1], 1)] {
            let known = find(token).await.expect("known");
            assert_eq!((known.agent.id, known.scripts.len(), known.current), (agent.id, scripts, true));
        }
        assert_eq!(find("t 2").await, None, "{}: there is no third", world.engine);

        world.now += LEASE;
        let second = world.lease("two", "u").await.expect("taken over");
        assert_eq!(second.agents, first.agents, "{}: they stay the same", world.engine);
        assert_eq!((find("t").await, find("t 1").await), (None, None), "{}: the old tokens work no more", world.engine);
        assert!(find("u").await.is_some() && find("u 1").await.is_some(), "{}", world.engine);
    }
}

/// B.10: a token that the owner of a workspace has goes with the name of the agent from build to build.
#[tokio::test]
async fn the_token_of_an_agent_that_its_owner_starts_goes_from_build_to_build() {
    for mut world in worlds().await {
        let manifest = "provisioner = 'external'\n[[agents]]\nname = 'a'\n[[agents]]\nname = 'b'";
        let template = world.store.push_version(&version("own", manifest, world.now)).await.expect("pushed").template;
        let mut new = world.new_workspace("dev", None);
        new.workspace.template_id = template.id;
        let id = new.workspace.id;
        world.store.insert_workspace(&new).await.expect("made");
        let find = async |world: &World, token: &str| {
            let known = world.store.find_agent_by_token(token.as_bytes()).await.expect("asked");
            known.map(|known| (known.agent.id, known.current))
        };
        let environment = BTreeMap::from([("A".to_owned(), "b".to_owned())]);
        let leased = world.lease("p", "one").await.expect("a build");
        let build = leased.build.id;
        let replace = async |world: &World, agent, token: &str| {
            world.store.replace_agent_token(agent, token.as_bytes(), world.now).await
        };
        let refused = replace(&world, leased.agents[0].id, "x").await;
        assert!(matches!(refused, Err(StoreError::NotRunning(_))), "{}: {refused:?}", world.engine);
        let foreign = world.store.keep_agent_environment(build, "q", &environment).await;
        assert!(matches!(foreign, Err(StoreError::LeaseLost)), "{}: {foreign:?}", world.engine);
        world.store.keep_agent_environment(build, "p", &environment).await.expect("kept");
        world.end(build, "p", Outcome::Succeeded).await.expect("started");
        let (a, b) = (leased.agents[0].id, leased.agents[1].id);
        assert_eq!(replace(&world, a, "mine").await.expect("replaced"), Some(environment.clone()), "{}", world.engine);
        assert_eq!(find(&world, "mine").await, Some((a, true)), "{}", world.engine);
        assert_eq!((find(&world, "one").await, find(&world, "one 1").await), (None, Some((b, true))));

        world.build(id, Transition::Stop).await.expect("stopping");
        world.carry_out("unused").await;
        assert_eq!(find(&world, "mine").await, Some((a, false)), "{}: it is not forgotten", world.engine);
        world.build(id, Transition::Start).await.expect("starting");
        let first = world.lease("killed", "two").await.expect("a build");
        world.now += LEASE;
        let second = world.lease("p", "three").await.expect("taken over");
        assert_eq!(second.agents, first.agents, "{}", world.engine);
        world.end(second.build.id, "p", Outcome::Succeeded).await.expect("started");
        assert_eq!(find(&world, "mine").await, Some((second.agents[0].id, true)), "{}", world.engine);
        assert_eq!(find(&world, "one 1").await, Some((second.agents[1].id, true)), "{}", world.engine);
        let refused = replace(&world, a, "late").await;
        assert!(matches!(refused, Err(StoreError::NotFound)), "{}: {refused:?}", world.engine);
        let silent = replace(&world, second.agents[0].id, "late").await.expect("asked");
        assert_eq!((silent, find(&world, "late").await), (None, None), "{}: nobody said how", world.engine);
    }
}
