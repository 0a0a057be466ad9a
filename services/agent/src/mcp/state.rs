//! What is known of the servers. Decides what a reload has to do; does none of it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use chatmesh_proto::agent::v1 as pb;
use prost::Message as _;
use tokio::time::Instant;

use super::config::{Definition, Loaded};
use super::error::Error;
use super::session::Session;
use super::snapshot::Snapshot;
use super::tools::MAX_TOOLS;

/// How many bytes of tools one answer holds.
const MAX_TOOL_BYTES: usize = 3 * 1024 * 1024;
/// How many warnings an answer has.
const MAX_WARNINGS: usize = 50;

/// How long a server rests that could not be connected: as long at first, and twice as long each time.
const MIN_PAUSE: Duration = Duration::from_secs(10);
/// How long it rests at most.
const MAX_PAUSE: Duration = Duration::from_secs(5 * 60);

/// What is known of the servers.
#[derive(Debug, Default)]
pub(super) struct State {
    servers: BTreeMap<String, Server>,
    warnings: Vec<String>,
    /// The files as they looked before they were read.
    applied: Option<Snapshot>,
}

/// A server goes on with the session that it has until there is a better one.
#[derive(Debug, Clone)]
struct Server {
    phase: Phase,
    session: Option<Arc<Session>>,
    /// How often in a row it could not be connected.
    failures: u32,
    /// When it is tried again, where that may help.
    retry_at: Option<Instant>,
}

#[derive(Debug, Clone)]
enum Phase {
    Connecting,
    Connected,
    Failed(String),
}

/// A part of a reload.
#[derive(Debug)]
pub(super) enum Job {
    /// Connects a server that is new, changed, gone or failed.
    Connect(Definition),
    /// Lists the tools of a connected server again.
    Refresh(Arc<Session>),
}

/// What a reload has to do.
#[derive(Debug, Default)]
pub(super) struct Plan {
    pub(super) jobs: Vec<Job>,
    /// To be closed.
    pub(super) retired: Vec<Arc<Session>>,
}

impl State {
    /// True where the files have changed, or a server has, or one is to be tried again.
    pub(super) fn is_outdated(&self, snapshot: &Snapshot, now: Instant) -> bool {
        let mut sessions = self.servers.values().filter_map(|server| server.session.as_ref());
        self.applied.as_ref() != Some(snapshot)
            || sessions.any(|session| !session.is_alive() || session.is_stale())
            || self.servers.values().any(|server| server.is_due(now))
    }

    /// Takes over the definitions: what is gone is retired, what is unchanged and alive stays.
    pub(super) fn plan(&mut self, loaded: Loaded, snapshot: Snapshot, refresh: bool, now: Instant) -> Plan {
        let mut plan = Plan::default();
        // Whoever changes the files, or wants to see them anew, may have put right what was wrong.
        let is_patient = !refresh && self.applied.as_ref() == Some(&snapshot);
        let mut former = std::mem::take(&mut self.servers);
        (self.applied, self.warnings) = (Some(snapshot), loaded.warnings);
        for definition in loaded.definitions {
            let name = definition.name.clone();
            let known = former.remove(&name);
            if is_patient && let Some(known) = known.as_ref().filter(|known| known.is_resting(now)) {
                self.servers.insert(name, known.clone());
                continue;
            }
            let failures = known.as_ref().filter(|_| is_patient).map_or(0, |known| known.failures);
            let mut session = known.and_then(|known| known.session);
            if let Some(dead) = session.take_if(|session| !session.is_alive()) {
                plan.retired.push(dead);
            }
            let phase = match (&definition.transport, &session) {
                (Err(problem), _) => Phase::Failed(problem.clone()),
                (Ok(transport), Some(session)) if session.transport == *transport => {
                    if refresh || session.is_stale() {
                        plan.jobs.push(Job::Refresh(Arc::clone(session)));
                    }
                    Phase::Connected
                }
                (Ok(_), _) => {
                    plan.jobs.push(Job::Connect(definition));
                    Phase::Connecting
                }
            };
            self.servers.insert(name, Server { phase, session, failures, retry_at: None });
        }
        plan.retired.extend(former.into_values().filter_map(|server| server.session));
        plan
    }

    /// Puts a new session to work; returns the one that it replaces.
    pub(super) fn connected(&mut self, session: Arc<Session>) -> Option<Arc<Session>> {
        let name = session.server.clone();
        let server = Server { phase: Phase::Connected, session: Some(session), failures: 0, retry_at: None };
        self.servers.insert(name, server).and_then(|former| former.session)
    }

    /// Notes why a server could not be connected, to be tried again after a while; a session that it has goes on.
    pub(super) fn failed(&mut self, server: &str, problem: String, now: Instant) {
        if let Some(server) = self.servers.get_mut(server) {
            let pause = MIN_PAUSE.saturating_mul(1 << server.failures.min(16)).min(MAX_PAUSE);
            (server.failures, server.retry_at) = (server.failures.saturating_add(1), Some(now + pause));
            server.phase = Phase::Failed(problem);
        }
    }

    /// Finds the session of a server.
    pub(super) fn session(&self, name: &str) -> Result<Arc<Session>, Error> {
        let Some(server) = self.servers.get(name) else {
            let is_known = self.applied.is_some();
            return Err(if is_known { Error::UnknownServer(name.to_owned()) } else { Error::NotReady });
        };
        match (&server.session, &server.phase) {
            (Some(session), _) if session.is_alive() => Ok(Arc::clone(session)),
            (None, Phase::Connecting) => Err(Error::NotReady),
            (None, Phase::Failed(problem)) => {
                Err(Error::NotConnected { server: name.to_owned(), problem: problem.clone() })
            }
            _ => {
                let problem = "it ended and is being connected again; try again in a moment".to_owned();
                Err(Error::NotConnected { server: name.to_owned(), problem })
            }
        }
    }

    /// Everything that is known; `is_settled` where nothing was at work when the caller looked.
    pub(super) fn listing(&self, is_settled: bool) -> pb::ListMcpToolsResponse {
        let mut warnings = self.warnings.clone();
        let (mut tools, mut servers) = (Vec::new(), Vec::new());
        let (mut room, mut left_out) = (MAX_TOOL_BYTES, 0);
        for (name, server) in &self.servers {
            let session = server.session.as_ref().filter(|session| session.is_alive());
            let catalog = session.map(|session| session.catalog()).unwrap_or_default();
            warnings.extend(catalog.warnings.iter().cloned());
            let mut count = 0;
            for tool in &catalog.tools {
                let size = tool.encoded_len() + 8;
                if tools.len() == MAX_TOOLS || size > room {
                    left_out += 1;
                    continue;
                }
                (room, count) = (room - size, count + 1);
                tools.push(tool.clone());
            }
            servers.push(server.to_proto(name, session.is_some(), count));
        }
        if left_out > 0 {
            warnings
                .insert(0, format!("{left_out} tools were left out: {MAX_TOOLS} are listed, and not too large ones"));
        }
        warnings.truncate(MAX_WARNINGS);
        let is_complete = is_settled
            && self.applied.is_some()
            && !self.servers.values().any(|server| matches!(server.phase, Phase::Connecting));
        let discovery = if is_complete { pb::McpDiscovery::Complete } else { pb::McpDiscovery::Unknown };
        tools.sort_by(|a, b| a.name.cmp(&b.name));
        pb::ListMcpToolsResponse { tools, servers, discovery: discovery.into(), warnings }
    }

    /// Forgets everything; returns the sessions to be closed.
    pub(super) fn clear(&mut self) -> Vec<Arc<Session>> {
        let servers = std::mem::take(&mut self.servers);
        servers.into_values().filter_map(|server| server.session).collect()
    }
}

impl Server {
    /// True where it is to be tried again by now.
    fn is_due(&self, now: Instant) -> bool {
        self.retry_at.is_some_and(|at| at <= now)
    }

    /// True where it was tried a moment ago.
    fn is_resting(&self, now: Instant) -> bool {
        self.retry_at.is_some_and(|at| now < at) && self.session.as_ref().is_none_or(|session| session.is_alive())
    }

    fn to_proto(&self, name: &str, is_alive: bool, tool_count: u32) -> pb::McpServer {
        let (state, error) = match (&self.phase, is_alive) {
            (Phase::Failed(problem), true) => {
                let error = format!("the session of a former configuration goes on: the present one {problem}");
                (pb::McpServerState::Connected, error)
            }
            (_, true) => (pb::McpServerState::Connected, String::new()),
            (Phase::Connecting, false) => (pb::McpServerState::Connecting, String::new()),
            (Phase::Failed(problem), false) => (pb::McpServerState::Failed, problem.clone()),
            (Phase::Connected, false) => (pb::McpServerState::Failed, "it ended".to_owned()),
        };
        let mut shown = name.to_owned();
        shown.truncate(shown.floor_char_boundary(128));
        pb::McpServer { name: shown, state: state.into(), error, tool_count }
    }
}
