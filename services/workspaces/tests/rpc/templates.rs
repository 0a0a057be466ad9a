//! Templates of the configuration, and what workspaces run.

use std::time::Duration;

use chatmesh_proto::agent::v1 as agent;
use chatmesh_workspaces::{Config, ScriptManifest, TemplateConfig};

use crate::world::World;

fn script(id: &str, text: &str) -> ScriptManifest {
    ScriptManifest { id: id.to_owned(), script: text.to_owned(), run_on_start: true, ..ScriptManifest::default() }
}

fn config(name: &str, scripts: Vec<ScriptManifest>) -> Config {
    let description = format!("with {} scripts", scripts.len());
    Config {
        templates: vec![TemplateConfig {
            name: name.to_owned(),
            description,
            provisioner: "local".to_owned(),
            scripts,
            kubernetes: None,
        }],
        ..Config::default()
    }
}

fn texts(manifest: &agent::Manifest) -> Vec<&str> {
    manifest.scripts.iter().map(|script| script.script.as_str()).collect()
}

#[tokio::test]
async fn declared_templates_are_changed_by_name_and_stay_when_they_are_declared_no_more() {
    let world = World::with(config("rust", vec![])).await;
    let list = async || {
        let found = world.list_templates(&world.owner).await.expect("listed").templates;
        found.into_iter().map(|one| (one.id, one.name, one.description)).collect::<Vec<_>>()
    };
    let first = list().await;
    assert_eq!((first[0].1.as_str(), first[1].1.as_str()), ("local", "rust"));
    world.restart(config("local", vec![script("a", "true")])).await;
    let second = list().await;
    assert_eq!(
        (&second[0].0, second[0].2.as_str()),
        (&first[0].0, "with 1 scripts"),
        "ours takes the place of the built-in"
    );
    assert_eq!(second[1], first[1]);
    world.restart(Config::default()).await;
    assert_eq!(list().await, first);
}

/// S01: what a workspace runs is settled when it starts.
#[tokio::test]
async fn a_change_of_a_template_is_for_builds_that_start_after_it() {
    let full = ScriptManifest {
        display_name: "Fetch".to_owned(),
        run_on_stop: true,
        cron: "0 0 4 * * *".to_owned(),
        timeout: Some(Duration::from_secs(90)),
        log_path: "~/fetch.log".to_owned(),
        ..script("fetch", "git clone x")
    };
    let world = World::with(config("rust", vec![full, script("b", "one")])).await;
    let owner = &world.owner;
    let id = world.create(owner, "rust", "dev", "").await.expect("created").id;
    let job = world.lease("p").await.expect("leased").expect("a job");
    let manifest = world.manifest(&job.agent_token).await;
    assert_eq!((&manifest.build_id, texts(&manifest)), (&job.build_id, vec!["git clone x", "one"]));
    let fetch = agent::Script {
        id: "fetch".to_owned(),
        display_name: "Fetch".to_owned(),
        script: "git clone x".to_owned(),
        run_on_start: true,
        run_on_stop: true,
        cron: "0 0 4 * * *".to_owned(),
        timeout_seconds: 90,
        log_path: "~/fetch.log".to_owned(),
    };
    assert_eq!(manifest.scripts[0], fetch);

    world.restart(config("rust", vec![script("b", "two")])).await;
    assert_eq!(world.manifest(&job.agent_token).await, manifest, "the build runs what it ran");
    world.clock.advance(Duration::from_secs(31));
    let again = world.lease("q").await.expect("leased").expect("the same job");
    assert_eq!(again.build_id, job.build_id);
    assert_eq!(world.manifest(&again.agent_token).await, manifest, "another provisioner changes nothing either");
    world.complete("q", &again.build_id).await.expect("completed");

    world.stop(owner, &id, "").await.expect("stopping");
    world.run_job("p").await;
    world.start(owner, &id, "").await.expect("starting");
    let next = world.run_job("p").await;
    assert_eq!(texts(&world.manifest(&next.agent_token).await), ["two"]);
    let other = world.create(owner, "local", "plain", "").await.expect("created");
    let job = world.run_job("p").await;
    assert_eq!((&job.workspace_id, texts(&world.manifest(&job.agent_token).await)), (&other.id, vec![]));
}
