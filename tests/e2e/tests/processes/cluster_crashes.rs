//! Services of a cluster killed in the middle of a turn: the others go on without them.

use chatmesh_testkit::simulator::Simulator;

use crate::harness::{
    Cluster, Databases, Follower, History, LONG, Mesh, Model, SERVICES, Servers, file_appears, simulator,
};

/// A cluster with a workspace.
struct World {
    cluster: Cluster,
    mesh: Mesh,
    workspace: String,
    _provider: Simulator,
}

impl World {
    async fn start() -> Option<Self> {
        let servers = Servers::find()?;
        let provider = simulator().await;
        let cluster = Cluster::start(&servers, Databases::Separate).await;
        let mesh = cluster.mesh();
        let names = Model::ALL.map(Model::name);
        mesh.api.configure_models("PROVIDER_TYPE_ANTHROPIC", &provider.base_url(), &names).await;
        let workspace = mesh.api.create_workspace("crashes").await;
        Some(Self { cluster, mesh, workspace, _provider: provider })
    }

    /// Begins a turn.
    async fn ask(&self, model: Model) -> Follower {
        let chat = self.mesh.api.create_chat(model.name(), Some(&self.workspace), "Go on.").await;
        Follower::new(&self.mesh.api, &chat)
    }

    /// Begins a turn and waits until its command runs.
    async fn run_command(&self) -> Follower {
        let follower = self.ask(Model::Effect).await;
        file_appears(&self.mesh.home(&self.workspace).join("effects")).await;
        follower
    }

    /// Begins a turn and waits until some of the answer was shown.
    async fn tell_story(&self) -> Follower {
        let mut follower = self.ask(Model::Story).await;
        follower.until("the story begins", |seen| seen.live_text().starts_with("Sentence 01.Sentence 02.")).await;
        follower
    }

    fn check_effect(&self, history: &History) {
        let effects = std::fs::read_to_string(self.mesh.home(&self.workspace).join("effects"));
        assert_eq!(effects.expect("a file"), "run\n", "the effect happened once");
        assert_eq!(history.called(), ["execute"]);
        assert_eq!(history.results()[0]["exit_code"], 0, "{:?}", history.results());
        assert_eq!(history.texts("ROLE_ASSISTANT"), ["Let me run that.", "It has run."]);
    }
}

fn check_story(history: &History) {
    assert_eq!(history.texts("ROLE_ASSISTANT"), ["First a file.".to_owned(), Model::story()]);
    assert_eq!(history.called(), ["write_file"]);
    assert_eq!(history.messages.len(), 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn another_chat_process_goes_on_when_one_is_killed() {
    let Some(mut world) = World::start().await else { return };
    let mut story = world.tell_story().await;
    world.cluster.kill("chat");
    world.cluster.start_again("chat").await;
    check_story(&story.until_answered(1).await);

    let mut command = world.run_command().await;
    world.cluster.kill("chat");
    world.cluster.start_again("chat").await;
    world.check_effect(&command.until_answered(1).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_outlives_the_relay() {
    let Some(mut world) = World::start().await else { return };
    let mut command = world.run_command().await;
    world.cluster.kill("relay");
    world.cluster.start_again("relay").await;
    world.check_effect(&command.until_answered(1).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_is_asked_again_when_the_llm_process_is_killed() {
    let Some(mut world) = World::start().await else { return };
    let mut story = world.tell_story().await;
    world.cluster.kill("llm");
    world.cluster.start_again("llm").await;
    check_story(&story.until_answered(1).await);
    assert!(story.retries > 0, "the client was told that the answer begins again");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_runs_once_when_the_tools_process_is_killed() {
    let Some(mut world) = World::start().await else { return };
    let mut command = world.run_command().await;
    world.cluster.kill("tools");
    world.cluster.start_again("tools").await;
    world.check_effect(&command.until_answered(1).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_outlives_those_who_made_its_workspace() {
    let Some(mut world) = World::start().await else { return };
    let mut command = world.run_command().await;
    let killed = ["provisioner", "workspaces", "identity"];
    for service in killed {
        world.cluster.kill(service);
    }
    for service in killed {
        world.cluster.start_again(service).await;
    }
    world.check_effect(&command.until_answered(1).await);
}

/// What happens when a new version is rolled out.
#[tokio::test(flavor = "multi_thread")]
async fn turns_survive_the_restart_of_every_service() {
    let Some(mut world) = World::start().await else { return };
    let mut command = world.run_command().await;
    let mut story = world.tell_story().await;
    // Callers first, so that a turn that was handed over meets what follows. The local provisioner
    // is left out: it takes its agents with it.
    for service in SERVICES.into_iter().rev().filter(|name| *name != "provisioner") {
        let status = world.cluster.terminate(service, LONG).await;
        assert!(status.success(), "{service}: {status}");
        world.cluster.start_again(service).await;
    }
    check_story(&story.until_answered(1).await);
    world.check_effect(&command.until_answered(1).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_turn_does_not_need_the_gateway() {
    let Some(mut world) = World::start().await else { return };
    let mut story = world.tell_story().await;
    world.cluster.kill("gateway");
    world.cluster.start_again("gateway").await;
    check_story(&story.until_answered(1).await);
    assert_eq!(story.retries, 0, "only the client's stream broke");
}
