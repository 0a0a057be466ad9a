//! Versions of templates, and what builds are of.

use std::collections::HashSet;

use chatmesh_core::{Clock as _, IdSource as _, SystemClock, SystemIds};
use chatmesh_db::{Migrations, Sql, values};
use chatmesh_testkit::databases;
use chatmesh_workspaces::{
    Activate, Build, Inserted, MIGRATIONS, NewWorkspace, Pushed, Recipe, SqlWorkspaceStore, Start, StoreError,
    TemplateChange, TemplateId, Transition, Values, WhichVersion, WorkspaceId, WorkspaceStore as _,
};
use futures::future::{join, join_all};

use crate::world::{World, version, worlds};

const SIZES: &str = "
[[parameters]]
name = 'size'
type = 'number'
mutable = true
default = 1
[[parameters]]
name = 'region'
default = 'eu'
[[parameters]]
name = 'rebuild'
type = 'bool'
mutable = true
ephemeral = true
default = false
[[presets]]
name = 'large'
parameters = { size = 9 }
";

/// `a=1 b=2` as values.
fn given(text: &str) -> Values {
    let pairs = text.split_whitespace().filter_map(|pair| pair.split_once('='));
    pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

fn start(parameters: &str) -> Start {
    Start { parameters: given(parameters), ..Start::default() }
}

impl World {
    async fn push(&self, template: &str, manifest: &str) -> Pushed {
        self.store.push_version(&version(template, manifest, self.now)).await.expect("pushed")
    }

    fn of(&self, template: TemplateId, name: &str, start: Start) -> NewWorkspace {
        let mut new = self.new_workspace(name, None);
        new.workspace.template_id = template;
        NewWorkspace { start, ..new }
    }

    async fn create(&self, template: TemplateId, name: &str, start: Start) -> Result<Build, StoreError> {
        match self.store.insert_workspace(&self.of(template, name, start)).await? {
            Inserted::Created(details) => Ok(details.build),
            other => panic!("{}: {other:?}", self.engine),
        }
    }

    async fn start(&self, workspace: WorkspaceId, start: Start) -> Result<Build, StoreError> {
        let mut new = self.new_build(workspace, Transition::Start, None);
        new.start = start;
        self.store.insert_build(&new).await
    }

    /// Carries the waiting build out, then stops the workspace.
    async fn run_and_stop(&self, workspace: WorkspaceId) -> Build {
        self.carry_out(&SystemIds.next().to_string()).await;
        let build = self.build(workspace, Transition::Stop).await.expect("stopping");
        self.carry_out("unused").await;
        build
    }
}

fn unfit<T: std::fmt::Debug>(result: Result<T, StoreError>) -> String {
    match result {
        Err(StoreError::Unfit(violations)) => violations.to_string(),
        other => panic!("{other:?}"),
    }
}

/// A template that is deleted gives up its name: a version that is pushed at the same time is of this one, or of the next.
#[tokio::test]
async fn a_version_is_pushed_while_the_template_is_deleted() {
    for world in worlds().await {
        for round in 0..20 {
            let first = world.push("t", &format!("description = 'before {round}'")).await.template.id;
            let again = version("t", &format!("description = 'after {round}'"), world.now);
            let (deleted, pushed) = join(world.store.delete_template(first), world.store.push_version(&again)).await;
            deleted.expect("deleted");
            let pushed = pushed.unwrap_or_else(|error| panic!("{}: {error:?}", world.engine));
            assert!(pushed.template.id == first || pushed.template.id == again.template_id, "{}", world.engine);
        }
    }
}

#[tokio::test]
async fn versions_are_numbered_without_gaps_and_the_same_content_is_one_version() {
    for world in worlds().await {
        let different = (0..8).map(|number| version("go", &format!("description = 'v{number}'"), world.now));
        let same = (0..8).map(|_| version("go", "description = 'same'", world.now));
        let news: Vec<_> = different.chain(same).collect();
        let pushed = join_all(news.iter().map(|new| world.store.push_version(new))).await;
        let pushed: Vec<Pushed> = pushed.into_iter().map(|one| one.expect("pushed")).collect();
        assert_eq!(pushed.iter().filter(|one| one.created).count(), 9, "{}", world.engine);
        let ids: HashSet<_> = pushed.iter().map(|one| one.template.id).collect();
        assert_eq!(ids.len(), 1, "{}: one template", world.engine);
        let same: HashSet<_> = pushed[8..].iter().map(|one| (one.version.id, one.version.number)).collect();
        assert_eq!(same.len(), 1, "{}", world.engine);

        let template = pushed[0].template.id;
        let numbers = async |before, limit| {
            let found = world.store.list_versions(template, before, limit).await.expect("listed");
            found.into_iter().map(|one| one.number).collect::<Vec<_>>()
        };
        assert_eq!(numbers(None, 20).await, [9, 8, 7, 6, 5, 4, 3, 2, 1], "{}", world.engine);
        assert_eq!(numbers(Some(4), 2).await, [3, 2], "{}", world.engine);
        let mut readme = version("go", "description = 'same'", world.now);
        readme.readme = "# Go".to_owned();
        assert!(
            world.store.push_version(&readme).await.expect("pushed").created,
            "{}: the readme counts",
            world.engine
        );
    }
}

#[tokio::test]
async fn a_template_says_of_itself_what_its_active_version_says() {
    for world in worlds().await {
        let first = world.push("go", "display_name = 'One'\nicon = '/1'\ndescription = 'first'").await;
        assert_eq!(first.template.active_version_id, Some(first.version.id));
        assert_eq!((first.template.display_name.as_str(), first.template.icon.as_str()), ("One", "/1"));
        let mut second = version("go", "display_name = 'Two'", world.now);
        second.activate = Activate::Later;
        second.message = "try it".to_owned();
        second.created_by = Some(world.owner.into());
        let second = world.store.push_version(&second).await.expect("pushed");
        assert_eq!((second.created, &second.template), (true, &first.template), "{}", world.engine);

        let id = first.template.id;
        let which = WhichVersion::Number(2);
        let found = world.store.get_version(id, which).await.expect("asked").expect("there");
        assert_eq!((found.info, found.manifest.display_name.as_str()), (second.version.clone(), "Two"));
        let change = TemplateChange {
            active_version: Some(which),
            deprecation: Some("use rust".to_owned()),
            require_active_version: Some(true),
            allowed_for_agents: Some(false),
            archived: Some(true),
        };
        let changed = world.store.update_template(id, &change).await.expect("changed");
        assert_eq!(world.store.find_template("go").await.expect("asked").as_ref(), Some(&changed), "{}", world.engine);
        assert_eq!((changed.active_version_id, changed.display_name.as_str()), (Some(second.version.id), "Two"));
        assert_eq!((changed.description.as_str(), changed.deprecation.as_str()), ("", "use rust"));
        assert!(changed.require_active_version && changed.archived && !changed.allowed_for_agents);
        let same = world.store.update_template(id, &TemplateChange::default()).await.expect("nothing to change");
        assert_eq!(same, changed, "{}", world.engine);

        let other = world.push("c", "").await.version.id;
        for which in [WhichVersion::Number(3), WhichVersion::Id(other)] {
            let change = TemplateChange { active_version: Some(which), ..TemplateChange::default() };
            let refused = unfit(world.store.update_template(id, &change).await);
            assert!(refused.contains("`active_version` is no version of the template `go`"), "{refused}");
            assert_eq!(world.store.get_version(id, which).await.expect("asked"), None, "{}", world.engine);
        }
        let nobody = world.store.update_template(TemplateId(SystemIds.next()), &TemplateChange::default()).await;
        assert!(matches!(nobody, Err(StoreError::NotFound)), "{}", world.engine);
    }
}

#[tokio::test]
async fn builds_keep_their_version_and_values_until_others_are_chosen() {
    for world in worlds().await {
        let one = world.push("go", SIZES).await;
        let template = one.template.id;
        let choice = Start { preset: "large".to_owned(), ..start("region=us rebuild=true") };
        let build = world.create(template, "dev", choice).await.expect("created");
        let recipe = |version, text: &str| Recipe {
            version_id: Some(version),
            parameters: given(text),
            preset: "large".to_owned(),
        };
        let first = recipe(one.version.id, "size=9 region=us rebuild=true");
        assert_eq!(build.recipe, first, "{}", world.engine);
        assert_eq!(world.get(build.workspace_id).await.build, build, "{}: it is read back", world.engine);

        let two = world.push("go", &SIZES.replace("default = 1\n", "default = 2\n")).await.version.id;
        let id = build.workspace_id;
        assert_eq!(world.run_and_stop(id).await.recipe, first, "{}: a stop is of the same", world.engine);
        let again = world.start(id, Start::default()).await.expect("started");
        assert_eq!(again.recipe, recipe(one.version.id, "size=9 region=us rebuild=false"), "{}", world.engine);
        world.run_and_stop(id).await;
        let chosen = Start { version: Some(WhichVersion::Number(2)), ..start("size=3") };
        let chosen = world.start(id, chosen).await.expect("started");
        assert_eq!(chosen.recipe, recipe(two, "size=3 region=us rebuild=false"), "{}", world.engine);
        world.run_and_stop(id).await;

        let three = world.push("go", &format!("icon = '/3'\n{SIZES}")).await.version.id;
        let change = TemplateChange { require_active_version: Some(true), ..TemplateChange::default() };
        world.store.update_template(template, &change).await.expect("changed");
        let old = Start { version: Some(WhichVersion::Id(two)), ..Start::default() };
        let refused = unfit(world.start(id, old).await);
        assert!(refused.contains("`version` must be left out: template `go` requires its active version"), "{refused}");
        // G2: where the active version is required, a start is of it, whatever the build before was of.
        let required = world.start(id, Start::default()).await.expect("started");
        assert_eq!(required.recipe.version_id, Some(three), "{}", world.engine);
    }
}

#[tokio::test]
async fn what_does_not_fit_is_refused_and_nothing_is_made() {
    for world in worlds().await {
        let template = world.push("go", SIZES).await.template.id;
        let foreign = world.push("c", "").await.version.id;
        for (choice, expected) in [
            (start("size=x gpu=1"), "`parameters.gpu` is no parameter of this template"),
            (start("size=x gpu=1"), "`parameters.size` must be a number"),
            (
                Start { preset: "small".to_owned(), ..start("") },
                "`preset` is no preset of version 1 of the template: it has `large`",
            ),
            (
                Start { version: Some(WhichVersion::Number(2)), ..start("") },
                "`version` is no version of the template `go`",
            ),
            (
                Start { version: Some(WhichVersion::Id(foreign)), ..start("") },
                "`version` is no version of the template",
            ),
        ] {
            let refused = unfit(world.create(template, "dev", choice).await);
            assert!(refused.contains(expected), "{}: {refused}", world.engine);
        }
        let id = world.create(template, "dev", Start::default()).await.expect("the name is free").workspace_id;
        world.run_and_stop(id).await;
        let refused = unfit(world.start(id, start("region=us")).await);
        assert!(refused.contains("`parameters.region` can not be changed"), "{refused}");
        assert_eq!(world.get(id).await.build.number, 2, "{}: no build was made", world.engine);
    }
}

#[tokio::test]
async fn a_deprecated_template_has_no_new_workspaces_but_those_that_are_there() {
    for world in worlds().await {
        let template = world.push("go", SIZES).await.template.id;
        let mut new = world.of(template, "dev", Start::default());
        new.request_id = Some(SystemIds.next());
        "go".clone_into(&mut new.workspace.template);
        let Ok(Inserted::Created(created)) = world.store.insert_workspace(&new).await else { panic!("not created") };
        let change = TemplateChange { deprecation: Some("use rust".to_owned()), ..TemplateChange::default() };
        world.store.update_template(template, &change).await.expect("changed");

        let refused = world.create(template, "other", Start::default()).await;
        assert!(matches!(&refused, Err(StoreError::Deprecated(why)) if why == "use rust"), "{refused:?}");
        let repeated = world.store.insert_workspace(&new).await.expect("asked");
        assert_eq!(repeated, Inserted::Repeated(created.clone()), "{}: it was made before", world.engine);
        world.run_and_stop(created.workspace.id).await;
        assert!(world.start(created.workspace.id, Start::default()).await.is_ok(), "{}", world.engine);
    }
}

#[tokio::test]
async fn the_agent_of_a_build_is_the_one_of_its_version() {
    for world in worlds().await {
        let text = |script: &str| {
            format!(
                "[[agents]]\nname = 'dev-chat'\ndisplay_order = 3\n\
                 [[agents.scripts]]\nid = 'a'\nscript = '{script}'\nrun_on_start = true\ntimeout = '90s'\n"
            )
        };
        let template = world.push("go", &text("one")).await.template.id;
        world.create(template, "dev", Start::default()).await.expect("created");
        world.push("go", &text("two")).await;
        let agent = world.carry_out("t").await.agent_id.expect("an agent");
        let known = world.store.get_agent(agent).await.expect("asked").expect("known");
        assert_eq!((known.agent.name.as_str(), known.agent.display_order), ("dev-chat", 3), "{}", world.engine);
        let scripts: Vec<_> = known.scripts.iter().map(|one| (one.script.as_str(), one.timeout_seconds)).collect();
        assert_eq!(scripts, [("one", 90)], "{}: a version that came later changes nothing", world.engine);
    }
}

const OLD_ROWS: [Sql; 3] = [
    Sql::portable(
        "INSERT INTO templates (id, name, description, provisioner, scripts, created_at) \
         VALUES ($1, 'go', 'For Go.', 'local', $2, $3)",
    ),
    Sql::portable(
        "INSERT INTO workspaces (id, owner_id, name, template_id, deleted, created_at, updated_at) \
         VALUES ($1, $1, $2, $1, FALSE, $3, $3)",
    ),
    Sql::portable(
        "INSERT INTO builds (id, workspace_id, build_number, transition, status, provisioner, created_at) \
         VALUES ($1, $1, 1, $2, 'pending', 'local', $3)",
    ),
];

/// The rows of templates that were there before they had versions.
#[tokio::test]
async fn a_template_of_an_older_schema_is_version_1_and_stays_it_while_it_is_the_same() {
    const SCRIPTS: &str = r#"[{"id": "a", "display_name": "A", "script": "go \"x\"", "run_on_start": true,
        "run_on_stop": false, "cron": "", "timeout_seconds": 300, "log_path": "~/a.log"},
        {"id": "b", "script": "y", "run_on_stop": true, "timeout_seconds": 0}]"#;
    const SAME: &str = "
description = 'For Go.'
[[agents]]
name = 'main'
[[agents.scripts]]
id = 'a'
display_name = 'A'
script = 'go \"x\"'
run_on_start = true
timeout = '5m'
log_path = '~/a.log'
[[agents.scripts]]
id = 'b'
script = 'y'
run_on_stop = true
";
    let older = Migrations { service: MIGRATIONS.service, steps: &MIGRATIONS.steps[..4] };
    for database in databases(older).await {
        let (id, now) = (SystemIds.next(), SystemClock.now());
        for (statement, text) in OLD_ROWS.into_iter().zip([SCRIPTS, "dev", "start"]) {
            database.db.execute(statement, values![id, text, now]).await.expect("inserted");
        }
        MIGRATIONS.apply(&database.db).await.expect("migrated");
        let store = SqlWorkspaceStore::new(database.db.clone());
        let template = store.find_template("go").await.expect("asked").expect("there");
        assert_eq!((template.active_version_id, template.description.as_str()), (Some(id.into()), "For Go."));
        assert!(template.require_active_version && template.allowed_for_agents && template.deprecation.is_empty());
        let first = store.get_version(TemplateId(id), WhichVersion::Number(1)).await.expect("asked").expect("there");
        let same = version("go", SAME, now);
        assert_eq!(first.manifest, same.manifest, "{}", database.engine);
        let pushed = store.push_version(&same).await.expect("pushed");
        assert_eq!((pushed.created, pushed.version), (false, first.info), "{}", database.engine);
        let other = store.push_version(&version("go", "", now)).await.expect("pushed");
        assert_eq!((other.created, other.version.number), (true, 2), "{}", database.engine);

        let build = store.get_workspace(WorkspaceId(id)).await.expect("asked").expect("there").build;
        assert_eq!(build.recipe, Recipe { version_id: Some(id.into()), ..Recipe::default() }, "{}", database.engine);
    }
}
