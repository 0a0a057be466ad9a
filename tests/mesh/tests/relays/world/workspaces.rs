//! The service that knows agents; here a token is the agent's id.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use chatmesh_proto::agent::v1::supervise_response::Report;
use chatmesh_proto::agent::v1::{LifecycleState, Manifest, Script, SuperviseResponse};
use chatmesh_proto::workspaces::v1 as pb;
use chatmesh_proto::workspaces::v1::agent_service_server::AgentService;
use parking_lot::Mutex;
use tonic::{Request, Response, Status};

/// What agents run and what they said; clones share it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Workspaces {
    known: Arc<Mutex<Known>>,
}

#[derive(Debug, Default)]
struct Known {
    /// The agents whose build is not the latest any more.
    superseded: HashSet<String>,
    build: u32,
    scripts: Vec<Script>,
    /// How many reports are refused from here on.
    failures: usize,
    /// By agent and its process.
    told: HashMap<(String, String), Vec<SuperviseResponse>>,
    /// How often something came that was known.
    repeats: usize,
}

impl Workspaces {
    /// The agent's build is not the latest from here on.
    pub(crate) fn supersede(&self, agent: &str) {
        self.known.lock().superseded.insert(agent.to_owned());
    }

    /// What workspaces run from here on.
    pub(crate) fn run(&self, scripts: Vec<Script>) {
        self.known.lock().scripts = scripts;
    }

    /// Agents are of another build from here on.
    pub(crate) fn rebuild(&self) {
        self.known.lock().build += 1;
    }

    /// Is away for so many reports.
    pub(crate) fn fail(&self, times: usize) {
        self.known.lock().failures = times;
    }

    /// How many reports will be refused.
    pub(crate) fn failures(&self) -> usize {
        self.known.lock().failures
    }

    /// How often something came that was known.
    pub(crate) fn repeats(&self) -> usize {
        self.known.lock().repeats
    }

    /// What the only process of an agent said.
    pub(crate) fn told(&self, agent: &str) -> Vec<SuperviseResponse> {
        let known = self.known.lock();
        let mut told = known.told.iter().filter(|((of, _), _)| of == agent);
        let reports = told.next().map(|(_, reports)| reports.clone()).unwrap_or_default();
        assert!(told.next().is_none(), "one process");
        reports
    }

    /// The last state that an agent told.
    pub(crate) fn state(&self, agent: &str) -> Option<LifecycleState> {
        self.told(agent).iter().rev().find_map(|report| match &report.report {
            Some(Report::Lifecycle(state)) => Some(state.state()),
            _ => None,
        })
    }

    /// All lines that an agent told.
    pub(crate) fn lines(&self, agent: &str) -> Vec<String> {
        let reports = self.told(agent).into_iter();
        let logs = reports.filter_map(|report| match report.report {
            Some(Report::Logs(logs)) => Some(logs.lines),
            _ => None,
        });
        logs.flatten().map(|line| line.text).collect()
    }
}

impl Known {
    fn record(&mut self, request: pb::ReportLifecycleRequest) -> Result<u64, Status> {
        if self.failures > 0 {
            self.failures -= 1;
            return Err(Status::unavailable("away"));
        }
        let sequences: Vec<_> = request.reports.iter().map(|report| report.sequence).collect();
        if !sequences.is_sorted() || sequences.is_empty() || sequences.len() > 256 {
            return Err(Status::internal("out of order"));
        }
        let told = self.told.entry((request.agent_id, request.instance_id)).or_default();
        for report in request.reports {
            if told.last().is_none_or(|last| last.sequence < report.sequence) {
                told.push(report);
            } else {
                self.repeats += 1;
            }
        }
        Ok(told.last().map_or(0, |last| last.sequence))
    }
}

#[tonic::async_trait]
impl AgentService for Workspaces {
    async fn authenticate_agent(
        &self,
        request: Request<pb::AuthenticateAgentRequest>,
    ) -> Result<Response<pb::AuthenticateAgentResponse>, Status> {
        let id = request.into_inner().token;
        let known = self.known.lock();
        if known.superseded.contains(&id) {
            return Err(Status::permission_denied("the agent's build is not the latest"));
        }
        let build_id = format!("build-{}", known.build);
        // As one of an older release, where there is nothing to run.
        let manifest = Manifest { build_id: build_id.clone(), scripts: known.scripts.clone() };
        let manifest = (!known.scripts.is_empty()).then_some(manifest);
        let agent = Some(pb::Agent { id, build_id, ..pb::Agent::default() });
        Ok(Response::new(pb::AuthenticateAgentResponse { agent, manifest, ..Default::default() }))
    }

    async fn report_lifecycle(
        &self,
        request: Request<pb::ReportLifecycleRequest>,
    ) -> Result<Response<pb::ReportLifecycleResponse>, Status> {
        let sequence = self.known.lock().record(request.into_inner())?;
        Ok(Response::new(pb::ReportLifecycleResponse { sequence }))
    }

    async fn report_connection(
        &self,
        request: Request<pb::ReportConnectionRequest>,
    ) -> Result<Response<pb::ReportConnectionResponse>, Status> {
        let current = !self.known.lock().superseded.contains(&request.into_inner().agent_id);
        Ok(Response::new(pb::ReportConnectionResponse { current }))
    }

    async fn resolve_agent(
        &self,
        _: Request<pb::ResolveAgentRequest>,
    ) -> Result<Response<pb::ResolveAgentResponse>, Status> {
        Err(Status::unimplemented("nobody asks"))
    }
}
