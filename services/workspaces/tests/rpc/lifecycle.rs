//! What agents say of the startup and shutdown of their workspaces, and what owners see of it.

use chatmesh_proto::agent::v1 as agent;
use chatmesh_proto::agent::v1::LifecycleState;
use chatmesh_proto::agent::v1::supervise_response::Report;
use chatmesh_proto::workspaces::v1 as pb;
use chatmesh_rpc::{Caller, Role, UserId};
use chatmesh_workspaces::{Config, ScriptManifest, TemplateConfig};
use tonic::{Code, Status};

use crate::expect;
use crate::world::{World, as_caller, service};

impl World {
    /// Reports what an agent's process says, as the relay does. Returns what is recorded.
    async fn say(
        &self,
        agent_id: &str,
        instance_id: &str,
        reports: Vec<agent::SuperviseResponse>,
    ) -> Result<u64, Status> {
        let (agent_id, instance_id) = (agent_id.to_owned(), instance_id.to_owned());
        let request = pb::ReportLifecycleRequest { agent_id, instance_id, reports, ..Default::default() };
        self.report_lifecycle_as(&service(), request).await
    }

    async fn report_lifecycle_as(&self, caller: &Caller, request: pb::ReportLifecycleRequest) -> Result<u64, Status> {
        Ok(self.agents().report_lifecycle(as_caller(caller, request)).await?.into_inner().sequence)
    }

    /// A page of two lines.
    async fn logs(
        &self,
        caller: &Caller,
        workspace_id: &str,
        agent_id: &str,
        page_token: &str,
    ) -> Result<pb::ListAgentLogsResponse, Status> {
        let request = pb::ListAgentLogsRequest {
            workspace_id: workspace_id.to_owned(),
            agent_id: agent_id.to_owned(),
            page_size: 2,
            page_token: page_token.to_owned(),
        };
        Ok(self.workspaces().list_agent_logs(as_caller(caller, request)).await?.into_inner())
    }

    async fn runs(
        &self,
        caller: &Caller,
        workspace_id: &str,
        agent_id: &str,
    ) -> Result<Vec<pb::AgentScriptRun>, Status> {
        let (workspace_id, agent_id) = (workspace_id.to_owned(), agent_id.to_owned());
        let request = pb::ListScriptRunsRequest { workspace_id, agent_id, ..Default::default() };
        Ok(self.workspaces().list_script_runs(as_caller(caller, request)).await?.into_inner().runs)
    }
}

fn reached(sequence: u64, state: LifecycleState) -> agent::SuperviseResponse {
    let report = agent::LifecycleReport { state: state.into(), message: "see\0below".to_owned(), ..Default::default() };
    agent::SuperviseResponse { sequence, report: Some(Report::Lifecycle(report)) }
}

fn printed(sequence: u64, script_id: &str, dropped_lines: u64, texts: &[&str]) -> agent::SuperviseResponse {
    let line = |text: &&str| agent::ScriptLogLine {
        level: agent::LogLevel::Error.into(),
        text: (*text).to_owned(),
        ..Default::default()
    };
    let lines = texts.iter().map(line).collect();
    let logs = agent::ScriptLogs { script_id: script_id.to_owned(), lines, dropped_lines };
    agent::SuperviseResponse { sequence, report: Some(Report::Logs(logs)) }
}

fn ran(sequence: u64) -> agent::SuperviseResponse {
    let run = agent::ScriptRun {
        script_id: "fetch".to_owned(),
        display_name: "Fetch".to_owned(),
        stage: agent::ScriptStage::Start.into(),
        result: agent::ScriptResult::Failed.into(),
        exit_code: Some(2),
        message: "`Fetch` failed with exit code 2".to_owned(),
        ..Default::default()
    };
    agent::SuperviseResponse { sequence, report: Some(Report::Run(run)) }
}

/// A world with a workspace that runs and has a script, its identifier, and its agent's.
async fn running() -> (World, String, String) {
    let script = ScriptManifest {
        id: "fetch".to_owned(),
        display_name: "Fetch".to_owned(),
        script: "git clone x".to_owned(),
        run_on_start: true,
        ..ScriptManifest::default()
    };
    let template = TemplateConfig {
        name: "rust".to_owned(),
        description: String::new(),
        provisioner: "local".to_owned(),
        scripts: vec![script],
        kubernetes: None,
    };
    let world = World::with(Config { templates: vec![template], ..Config::default() }).await;
    let id = world.create(&world.owner, "rust", "dev", "").await.expect("created").id;
    let agent = world.run_job("p").await.agent_id;
    (world, id, agent)
}

/// S01: owners see how far their workspace has come, and who watches is told when it changes.
#[tokio::test]
async fn the_state_is_shown_and_its_change_is_told_once() {
    let (world, id, agent) = running().await;
    let shown = async || world.get(&world.owner, &id).await.expect("found").agent.expect("an agent");
    let before = shown().await;
    assert_eq!((before.lifecycle_state(), before.lifecycle_change_time), (LifecycleState::Created, None));
    let mut changes = world.changes(&id).await;
    let process = world.uuid().to_string();
    let starting = vec![reached(3, LifecycleState::Starting)];
    assert_eq!(world.say(&agent, &process, starting.clone()).await.expect("recorded"), 3);
    assert!(changes.arrived().await, "a new state is told");
    assert_eq!(world.say(&agent, &process, starting).await.expect("recorded"), 3);
    assert_eq!(world.say(&agent, &process, vec![printed(4, "fetch", 0, &["x"])]).await.expect("recorded"), 4);
    assert!(!changes.arrived().await, "what was known, and lines, are not");

    let after = shown().await;
    assert_eq!(
        (after.lifecycle_state(), after.lifecycle_message.as_str()),
        (LifecycleState::Starting, "see\u{FFFD}below")
    );
    assert!(after.lifecycle_change_time.is_some());
    assert_eq!(world.resolve(&world.owner, &id).await.expect("an agent"), after, "tools see it, too");
    let other = world.uuid().to_string();
    world.say(&agent, &other, vec![reached(1, LifecycleState::Created)]).await.expect("recorded");
    world.say(&agent, &process, vec![reached(9, LifecycleState::Off)]).await.expect("recorded");
    assert_eq!(shown().await.lifecycle_state(), LifecycleState::Created, "the process before has no say");
}

/// S01: lines and runs come in pages, with what was lost between them.
#[tokio::test]
async fn logs_come_in_pages_with_names_and_gaps() {
    let (world, id, agent) = running().await;
    let process = world.uuid().to_string();
    let long = "ä".repeat(4000);
    let reports = vec![
        printed(1, "fetch", 0, &["one", "two"]),
        printed(2, "gone", 5, &["three\0"]),
        ran(3),
        agent::SuperviseResponse { sequence: 4, report: None },
        printed(5, "fetch", 0, &[&long]),
    ];
    assert_eq!(world.say(&agent, &process, reports).await.expect("recorded"), 5);
    let mut token = String::new();
    let mut lines = Vec::new();
    loop {
        let page = world.logs(&world.owner, &id, &agent, &token).await.expect("listed");
        assert!(page.lines.len() <= 2);
        lines.extend(page.lines);
        token = page.next_page_token;
        if token.is_empty() {
            break;
        }
    }
    let short: Vec<_> = lines
        .iter()
        .map(|line| (line.number, line.dropped_lines, line.script_name.as_str(), line.text.len()))
        .collect();
    assert_eq!(short, [(1, 0, "Fetch", 3), (2, 0, "Fetch", 3), (8, 5, "gone", 8), (9, 0, "Fetch", 4096)]);
    assert_eq!((lines[2].script_id.as_str(), lines[2].text.as_str()), ("gone", "three\u{FFFD}"));
    assert!(lines.iter().all(|line| line.time.is_some() && line.level() == agent::LogLevel::Error));
    let runs = world.runs(&world.owner, &id, &agent).await.expect("listed");
    let [run] = runs.as_slice() else { panic!("{runs:?}") };
    assert_eq!((run.number, run.script_name.as_str(), run.exit_code), (1, "Fetch", Some(2)));
    assert_eq!((run.stage(), run.result()), (agent::ScriptStage::Start, agent::ScriptResult::Failed));
    expect(world.logs(&world.owner, &id, &agent, "x").await, Code::InvalidArgument, "INVALID_REQUEST");
}

#[tokio::test]
async fn logs_of_somebody_else_look_like_those_of_nobody() {
    let (world, id, agent) = running().await;
    let mine = world.create(&world.owner, "local", "other", "").await.expect("created").id;
    let stranger = Caller::user(UserId(world.uuid()), Role::Member);
    let nobody = world.uuid().to_string();
    for (caller, workspace, agent) in [
        (&stranger, &id, &agent),
        (&world.owner, &nobody, &agent),
        (&world.owner, &mine, &agent),
        (&world.owner, &id, &nobody),
    ] {
        expect(world.logs(caller, workspace, agent, "").await, Code::NotFound, "NOT_FOUND");
        expect(world.runs(caller, workspace, agent).await, Code::NotFound, "NOT_FOUND");
    }
    world.stop(&world.owner, &id, "").await.expect("stopping");
    world.logs(&world.owner, &id, &agent, "").await.expect("those of an older build are still there");
}

#[tokio::test]
async fn only_services_report_and_a_batch_has_bounds() {
    let (world, _, agent) = running().await;
    let process = world.uuid().to_string();
    let nobody = world.uuid().to_string();
    expect(world.say(&nobody, &process, vec![]).await, Code::NotFound, "NOT_FOUND");
    let request = |instance_id: &str, count: usize| pb::ReportLifecycleRequest {
        agent_id: agent.clone(),
        instance_id: instance_id.to_owned(),
        reports: vec![reached(1, LifecycleState::Off); count],
        ..Default::default()
    };
    let report = async |caller: &Caller, request| world.report_lifecycle_as(caller, request).await;
    expect(report(&world.owner, request(&process, 1)).await, Code::PermissionDenied, "DENIED");
    let service = service();
    expect(report(&service, request("x", 1)).await, Code::InvalidArgument, "INVALID_REQUEST");
    expect(report(&service, request(&process, 257)).await, Code::InvalidArgument, "INVALID_REQUEST");
    report(&service, request(&process, 256)).await.expect("recorded");
}
