//! Templates and workspaces that tools make, start and stop: what `workspaces` says of them, and their agents.

mod api;

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::time::Duration;

use chatmesh_proto::agent::v1::LifecycleState;
use chatmesh_proto::workspaces::v1::{
    Agent, AgentStatus, Build, BuildErrorCode, BuildStatus, CreateWorkspaceRequest, Quota, ResolveAgentResponse,
    Template, TemplateVersion, Transition, WaitTimeouts, Workspace, WorkspaceStatus,
};
use chatmesh_rpc::{Code, status_with_reason};
use tokio::time::Instant;
use tonic::Status;
use tonic_types::{ErrorDetails, StatusExt as _};

const DOMAIN: &str = "chatmesh.workspaces.v1";

/// How a build ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::tests) enum Ends {
    Well,
    /// With this error, of this kind.
    Badly(&'static str, BuildErrorCode),
    Canceled,
    Never,
}

/// What the agents of workspaces do that are started from now on.
#[derive(Debug, Clone)]
pub(in crate::tests) struct Agents {
    pub(in crate::tests) names: Vec<&'static str>,
    /// How long after the build they connect; `None` for never.
    pub(in crate::tests) connect_after: Option<Duration>,
    /// How long their scripts run then.
    pub(in crate::tests) scripts_for: Duration,
    /// What the scripts come to.
    pub(in crate::tests) come_to: LifecycleState,
    /// What the workspaces say of them, where that is not what they do.
    pub(in crate::tests) said_to_be: Option<AgentStatus>,
    pub(in crate::tests) has_connected_before: bool,
}

#[derive(Debug)]
struct Carried {
    build: Build,
    ends: Ends,
    at: Instant,
    agents: Agents,
    canceling: bool,
}

#[derive(Debug)]
struct Machine {
    name: String,
    template: String,
    builds: Vec<Carried>,
}

/// What there is.
#[derive(Debug)]
pub(in crate::tests) struct Cloud {
    pub(in crate::tests) templates: Vec<Template>,
    pub(in crate::tests) versions: HashMap<String, TemplateVersion>,
    /// How builds end, one after the other; well when none is left.
    pub(in crate::tests) ends: VecDeque<Ends>,
    pub(in crate::tests) build_time: Duration,
    pub(in crate::tests) agents: Agents,
    /// How long the templates say that one should wait for agents.
    pub(in crate::tests) connection_seconds: u32,
    pub(in crate::tests) quota: Option<Quota>,
    /// A parameter that the active versions want, beside those that are known.
    pub(in crate::tests) wants: Option<&'static str>,
    /// What the methods of this name fail with.
    pub(in crate::tests) fails: HashMap<&'static str, Status>,
    /// The answers of methods of this name are lost once.
    pub(in crate::tests) loses: Vec<&'static str>,
    pub(in crate::tests) created: Vec<CreateWorkspaceRequest>,
    /// How often which method was called.
    pub(in crate::tests) calls: HashMap<&'static str, usize>,
    machines: BTreeMap<String, Machine>,
    requests: HashMap<String, (String, String)>,
    of_chats: HashMap<String, String>,
}

impl Default for Cloud {
    fn default() -> Self {
        Self {
            templates: Vec::new(),
            versions: HashMap::new(),
            ends: VecDeque::new(),
            build_time: Duration::from_secs(20),
            agents: Agents {
                names: vec!["main"],
                connect_after: Some(Duration::from_secs(3)),
                scripts_for: Duration::from_secs(5),
                come_to: LifecycleState::Ready,
                said_to_be: None,
                has_connected_before: false,
            },
            connection_seconds: 0,
            quota: None,
            wants: None,
            fails: HashMap::new(),
            loses: Vec::new(),
            created: Vec::new(),
            calls: HashMap::new(),
            machines: BTreeMap::new(),
            requests: HashMap::new(),
            of_chats: HashMap::new(),
        }
    }
}

impl Cloud {
    /// Adds a template that chats may use, and returns its identifier.
    pub(in crate::tests) fn template(&mut self, name: &str) -> String {
        let id = format!("00000000-0000-7000-8000-{:012}", self.templates.len() + 1);
        self.templates.push(Template {
            id: id.clone(),
            name: name.to_owned(),
            provisioner: "local".to_owned(),
            active_version_id: format!("{name}-v1"),
            allowed_for_agents: true,
            ..Template::default()
        });
        id
    }

    /// Adds a workspace of a template, with a build that has ended well long ago.
    pub(in crate::tests) fn workspace(&mut self, template: &str, transition: Transition) -> String {
        let id = self.machine(&format!("{template}-dev"), template);
        let long_ago = Instant::now() - Duration::from_secs(3600);
        let number = self.begin(&id, transition, Ends::Well, long_ago);
        self.machine_mut(&id).builds[number].build.template_version_id = format!("{template}-v1");
        id
    }

    /// Begins a build that ends like this after the time that builds take. Returns its identifier.
    pub(in crate::tests) fn build(&mut self, workspace: &str, transition: Transition, ends: Ends) -> String {
        let at = Instant::now() + self.build_time;
        let number = self.begin(workspace, transition, ends, at);
        self.machine_mut(workspace).builds[number].build.id.clone()
    }

    /// Says that the latest build is being given up.
    pub(in crate::tests) fn cancel(&mut self, workspace: &str) {
        self.machine_mut(workspace).builds.last_mut().expect("a build").canceling = true;
    }

    /// The workspaces that are not deleted.
    pub(in crate::tests) fn alive(&self) -> Vec<String> {
        self.machines.keys().filter(|id| self.view(id).is_ok()).cloned().collect()
    }

    /// How many builds a workspace had.
    pub(in crate::tests) fn builds_of(&self, workspace: &str) -> usize {
        self.machines[workspace].builds.len()
    }

    fn machine(&mut self, name: &str, template: &str) -> String {
        let id = format!("w-{}", self.machines.len() + 1);
        let machine = Machine { name: name.to_owned(), template: template.to_owned(), builds: Vec::new() };
        self.machines.insert(id.clone(), machine);
        id
    }

    fn machine_mut(&mut self, id: &str) -> &mut Machine {
        self.machines.get_mut(id).expect("a workspace")
    }

    fn begin(&mut self, id: &str, transition: Transition, ends: Ends, at: Instant) -> usize {
        let agents = self.agents.clone();
        let timeouts = Some(WaitTimeouts { connection_seconds: self.connection_seconds, ..WaitTimeouts::default() });
        let builds = &mut self.machine_mut(id).builds;
        let number = builds.len();
        let build = Build {
            id: format!("{id}-b{}", number + 1),
            workspace_id: id.to_owned(),
            build_number: u32::try_from(number + 1).expect("few"),
            transition: transition.into(),
            timeouts,
            template_version_id: builds.last().map_or_else(String::new, |last| last.build.template_version_id.clone()),
            ..Build::default()
        };
        builds.push(Carried { build, ends, at, agents, canceling: false });
        number
    }

    fn next_end(&mut self) -> Ends {
        self.ends.pop_front().unwrap_or(Ends::Well)
    }

    /// The workspace as it is now.
    fn view(&self, id: &str) -> Result<Workspace, Status> {
        let machine = self.machines.get(id).ok_or_else(|| not_found(id))?;
        let last = machine.builds.last().expect("a build");
        let build = last.now();
        let status = status_of(&build);
        if status == WorkspaceStatus::Deleted {
            return Err(not_found(id));
        }
        let agents = if status == WorkspaceStatus::Running { last.agents_now() } else { Vec::new() };
        let chats: Vec<&Agent> = agents.iter().filter(|agent| agent.name.ends_with("-chat")).collect();
        let agent = match chats.as_slice() {
            [] => agents.first().cloned(),
            [one] => Some((*one).clone()),
            _ => None,
        };
        Ok(Workspace {
            id: id.to_owned(),
            name: machine.name.clone(),
            template: machine.template.clone(),
            status: status.into(),
            latest_build: Some(build),
            agent,
            agents,
            ..Workspace::default()
        })
    }

    /// Which agent a workspace is reached through; `None` where it is not of this cloud.
    pub(super) fn resolve(&self, id: &str) -> Option<Result<ResolveAgentResponse, Status>> {
        self.machines.contains_key(id).then(|| {
            let workspace = self.view(id)?;
            let no = |reason, text: &str| Err(status_with_reason(Code::FailedPrecondition, reason, DOMAIN, text));
            match (workspace.status(), workspace.agent, workspace.agents.len()) {
                (WorkspaceStatus::Running, Some(agent), _) => {
                    Ok(ResolveAgentResponse { agent: Some(agent), ..ResolveAgentResponse::default() })
                }
                (WorkspaceStatus::Running, None, 2..) => no("AGENT_AMBIGUOUS", "one-chat and two-chat"),
                _ => no("WORKSPACE_NOT_RUNNING", "it has no agent"),
            }
        })
    }

    /// Whether an agent is connected; `None` where it is not of this cloud.
    pub(super) fn is_connected(&self, agent: &str) -> Option<bool> {
        let builds = self.machines.values().flat_map(|machine| &machine.builds);
        let build = builds.into_iter().find(|build| agent.starts_with(&format!("{}-", build.build.id)))?;
        Some(build.is_connected())
    }

    /// Makes the next build where the state of the workspace allows it.
    fn change(&mut self, id: &str, request_id: &str, transition: Transition) -> Result<Build, Status> {
        let key = (request_id.to_owned(), id.to_owned());
        if let Some((_, build)) = self.requests.get(&key.0).cloned() {
            let made = self.machines[id].builds.iter().find(|other| other.build.id == build).expect("a build");
            return Ok(made.now());
        }
        let no =
            |reason| Err(status_with_reason(Code::FailedPrecondition, reason, DOMAIN, format!("it cannot: {reason}")));
        match (self.view(id)?.status(), transition) {
            (WorkspaceStatus::Running, Transition::Start) => return no("WORKSPACE_ALREADY_RUNNING"),
            (WorkspaceStatus::Stopped, Transition::Stop) => return no("WORKSPACE_ALREADY_STOPPED"),
            (WorkspaceStatus::Running | WorkspaceStatus::Stopped | WorkspaceStatus::Failed, _)
            | (WorkspaceStatus::Canceled, _) => {}
            _ => return no("BUILD_ACTIVE"),
        }
        let ends = self.next_end();
        let build = self.build(id, transition, ends);
        self.requests.insert(key.0, (key.1, build));
        Ok(self.machines[id].builds.last().expect("a build").now())
    }

    fn find_template(&self, name_or_id: &str) -> Result<Template, Status> {
        let found = self.templates.iter().find(|template| template.id == name_or_id || template.name == name_or_id);
        found.cloned().ok_or_else(|| not_found(name_or_id))
    }

    /// Whether what is chosen fits the active version.
    fn check(&self, parameters: &HashMap<String, String>) -> Result<(), Status> {
        let Some(wanted) = self.wants.filter(|wanted| !parameters.contains_key(*wanted)) else { return Ok(()) };
        let mut details = ErrorDetails::new();
        details.set_error_info("INVALID_PARAMETERS", DOMAIN, HashMap::<String, String>::new());
        details.add_bad_request_violation(format!("parameters.{wanted}"), "must be given");
        Err(Status::with_error_details(Code::InvalidArgument, "what was chosen does not fit", details))
    }
}

impl Carried {
    fn has_ended(&self) -> bool {
        self.ends != Ends::Never && Instant::now() >= self.at
    }

    fn now(&self) -> Build {
        let mut build = self.build.clone();
        let status = match self.ends {
            _ if !self.has_ended() && self.canceling => BuildStatus::Canceling,
            _ if !self.has_ended() => BuildStatus::Running,
            Ends::Well => BuildStatus::Succeeded,
            Ends::Canceled => BuildStatus::Canceled,
            Ends::Badly(..) | Ends::Never => BuildStatus::Failed,
        };
        build.set_status(status);
        if let (Ends::Badly(error, code), true) = (self.ends, self.has_ended()) {
            error.clone_into(&mut build.error);
            build.set_error_code(code);
        }
        build
    }

    fn connected_at(&self) -> Option<Instant> {
        self.agents.connect_after.map(|after| self.at + after)
    }

    fn is_connected(&self) -> bool {
        self.has_ended() && self.connected_at().is_some_and(|at| Instant::now() >= at)
    }

    fn agents_now(&self) -> Vec<Agent> {
        let state = match self.connected_at() {
            Some(at) if Instant::now() >= at + self.agents.scripts_for => self.agents.come_to,
            Some(at) if Instant::now() >= at => LifecycleState::Starting,
            _ => LifecycleState::Created,
        };
        let status = match (self.agents.said_to_be, self.is_connected()) {
            (Some(status), _) => status,
            (None, true) => AgentStatus::Connected,
            (None, false) => AgentStatus::Connecting,
        };
        let agent = |name: &&str| Agent {
            id: format!("{}-{name}", self.build.id),
            workspace_id: self.build.workspace_id.clone(),
            build_id: self.build.id.clone(),
            name: (*name).to_owned(),
            status: status.into(),
            lifecycle_state: state.into(),
            first_connect_time: self.agents.has_connected_before.then(Default::default),
            ..Agent::default()
        };
        self.agents.names.iter().map(agent).collect()
    }
}

fn status_of(build: &Build) -> WorkspaceStatus {
    match (build.status(), build.transition()) {
        (BuildStatus::Succeeded, Transition::Start) => WorkspaceStatus::Running,
        (BuildStatus::Succeeded, Transition::Stop) => WorkspaceStatus::Stopped,
        (BuildStatus::Succeeded, _) => WorkspaceStatus::Deleted,
        (BuildStatus::Failed, _) => WorkspaceStatus::Failed,
        (BuildStatus::Canceled, _) => WorkspaceStatus::Canceled,
        (BuildStatus::Canceling, _) => WorkspaceStatus::Canceling,
        (_, Transition::Stop) => WorkspaceStatus::Stopping,
        (_, Transition::Delete) => WorkspaceStatus::Deleting,
        _ => WorkspaceStatus::Starting,
    }
}

fn not_found(what: &str) -> Status {
    status_with_reason(Code::NotFound, "NOT_FOUND", DOMAIN, format!("`{what}` not found"))
}
