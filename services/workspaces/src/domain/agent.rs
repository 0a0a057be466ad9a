//! Agents: their tokens, and whether they are connected.

use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use chatmesh_core::{ExposeSecret as _, SecretString, Timestamp};
use rand::RngCore as _;
use sha2::{Digest as _, Sha256};

use super::{AgentId, BuildId, Lifecycle, WorkspaceId};

/// How long an agent may take to connect for the first time where its template does not say.
pub(super) const CONNECTION_TIMEOUT: Duration = Duration::from_secs(120);
/// How long an agent counts as connected after the last report: two missed ones.
pub(crate) const INACTIVE_TIMEOUT: Duration = Duration::from_secs(30);
/// The name of the only agent of a build.
pub(crate) const MAIN_AGENT: &str = "main";
/// Begins every token, so that people and scanners know it for what it is.
const TOKEN_PREFIX: &str = "cma_";

/// A program inside a workspace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Agent {
    /// The identifier; new with every build.
    pub id: AgentId,
    /// The workspace.
    pub workspace_id: WorkspaceId,
    /// The build that it belongs to.
    pub build_id: BuildId,
    /// Unique within the build.
    pub name: String,
    /// Its place among the agents of the build; lower ones come first.
    pub display_order: i32,
    /// The agent that it belongs to, like that of the machine on which a container runs.
    pub parent_id: Option<AgentId>,
    /// How far the workspace has come, as its latest process says.
    pub lifecycle: Lifecycle,
    /// The session that reported last.
    pub epoch: u32,
    /// When it got its token.
    pub created_at: Timestamp,
    /// When its build ended; `None` while that is carried out.
    pub built_at: Option<Timestamp>,
    /// How long it may take then to connect for the first time, zero for ever; `None` where its template does not say.
    pub connection_timeout: Option<Duration>,
    /// When it first connected.
    pub first_connected_at: Option<Timestamp>,
    /// When it was last known to be connected.
    pub last_connected_at: Option<Timestamp>,
    /// When it was last found to be disconnected.
    pub disconnected_at: Option<Timestamp>,
}

/// Whether an agent is connected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AgentStatus {
    /// It has not connected yet.
    Connecting,
    /// It is connected.
    Connected,
    /// It was connected and is not now.
    Disconnected,
    /// It did not connect in the time that it had.
    Timeout,
}

/// What a session says of an agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Report {
    /// The session; later ones have higher numbers.
    pub epoch: u32,
    /// True while it is connected.
    pub connected: bool,
    /// When it was said.
    pub at: Timestamp,
}

impl Agent {
    /// Whether the agent is connected at `now`.
    #[must_use]
    pub fn status(&self, now: Timestamp) -> AgentStatus {
        let Some(last) = self.last_connected_at else {
            return if self.is_late(now) { AgentStatus::Timeout } else { AgentStatus::Connecting };
        };
        let ended = self.disconnected_at.is_some_and(|at| at >= last);
        let silent = now - last > to_delta(INACTIVE_TIMEOUT);
        if ended || silent { AgentStatus::Disconnected } else { AgentStatus::Connected }
    }

    /// True where its template says that it may take any time to connect.
    pub(super) fn is_never_late(&self) -> bool {
        self.connection_timeout.is_some_and(|timeout| timeout.is_zero())
    }

    /// Whether it should have connected for the first time by `now`. As long as its build is carried out it cannot.
    fn is_late(&self, now: Timestamp) -> bool {
        let timeout = self.connection_timeout.unwrap_or(CONNECTION_TIMEOUT);
        // An owner who starts it may get the token long after the build has ended.
        let since = self.built_at.map(|built_at| built_at.max(self.created_at));
        !self.is_never_late() && since.is_some_and(|since| now - since > to_delta(timeout))
    }

    /// When the agent was last found to be disconnected, as of `now`. One that fell silent was
    /// last there when it last reported.
    #[must_use]
    pub fn disconnect_time(&self, now: Timestamp) -> Option<Timestamp> {
        let known = self.disconnected_at;
        match (self.status(now), self.last_connected_at) {
            (AgentStatus::Disconnected, Some(last)) => known.max(Some(last)),
            _ => known,
        }
    }

    /// Takes in a report; `None` where it is of an older session.
    pub(crate) fn after(mut self, report: Report) -> Option<Self> {
        if report.epoch < self.epoch {
            return None;
        }
        self.epoch = report.epoch;
        // The clocks of two relays may differ: the order of reports decides, not their times.
        if report.connected {
            self.first_connected_at.get_or_insert(report.at);
            self.last_connected_at = Some(report.at);
            self.disconnected_at = self.disconnected_at.filter(|at| *at < report.at);
        } else {
            self.disconnected_at = Some(report.at).max(self.last_connected_at);
        }
        Some(self)
    }
}

fn to_delta(duration: Duration) -> chrono::TimeDelta {
    chrono::TimeDelta::from_std(duration).unwrap_or(chrono::TimeDelta::MAX)
}

/// What an agent shows to the relay.
#[derive(Debug, Clone)]
pub struct AgentToken(SecretString);

impl AgentToken {
    /// A new token with 256 bits of randomness.
    #[must_use]
    pub fn generate() -> Self {
        let mut bytes = [0; 32];
        rand::rng().fill_bytes(&mut bytes);
        Self(format!("{TOKEN_PREFIX}{}", BASE64_URL_SAFE_NO_PAD.encode(bytes)).into())
    }

    /// The text to hand out.
    #[must_use]
    pub fn secret(&self) -> &SecretString {
        &self.0
    }

    /// What this token is recognised by.
    #[must_use]
    pub fn digest(&self) -> Vec<u8> {
        Self::digest_of(self.0.expose_secret())
    }

    /// What a token is recognised by. A fast digest is enough, because tokens are random.
    #[must_use]
    pub fn digest_of(token: &str) -> Vec<u8> {
        Sha256::digest(token.as_bytes()).to_vec()
    }
}

#[cfg(test)]
pub(super) mod tests {
    use chatmesh_core::Uuid;

    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_timestamp(seconds, 0).expect("a time")
    }

    pub(in crate::domain) fn agent(last_connected: Option<i64>, disconnected: Option<i64>) -> Agent {
        Agent {
            id: AgentId(Uuid::nil()),
            workspace_id: WorkspaceId(Uuid::nil()),
            build_id: BuildId(Uuid::nil()),
            name: MAIN_AGENT.to_owned(),
            display_order: 0,
            parent_id: None,
            lifecycle: Lifecycle::default(),
            epoch: 3,
            created_at: at(0),
            built_at: Some(at(0)),
            connection_timeout: None,
            first_connected_at: last_connected.map(at),
            last_connected_at: last_connected.map(at),
            disconnected_at: disconnected.map(at),
        }
    }

    #[test]
    fn the_status_is_a_function_of_the_row_and_the_time() {
        use AgentStatus::{Connected, Connecting, Disconnected, Timeout};
        let table = [
            // (last connected, disconnected, now) and (status, when it is said to have disconnected)
            ((None, None, 0), (Connecting, None)),
            ((None, None, 120), (Connecting, None)),
            ((None, None, 121), (Timeout, None)),
            ((Some(10), None, 10), (Connected, None)),
            ((Some(10), None, 40), (Connected, None)),
            ((Some(10), None, 41), (Disconnected, Some(10))),
            ((Some(10), Some(9), 11), (Connected, Some(9))),
            ((Some(10), Some(9), 41), (Disconnected, Some(10))),
            ((Some(10), Some(10), 11), (Disconnected, Some(10))),
            ((Some(10), Some(12), 13), (Disconnected, Some(12))),
            ((Some(10), Some(12), 1000), (Disconnected, Some(12))),
        ];
        for ((last, disconnected, now), (status, said)) in table {
            let agent = agent(last, disconnected);
            assert_eq!(agent.status(at(now)), status, "{agent:?} at {now}");
            assert_eq!(agent.disconnect_time(at(now)), said.map(at), "{agent:?} at {now}");
        }
    }

    /// C.1: the time in which an agent has to connect is its template's, and begins when its build has ended.
    #[test]
    fn an_agent_that_never_connected_is_late_once_the_time_of_its_template_is_over() {
        use AgentStatus::{Connecting, Timeout};
        let minutes = |minutes: u64| Some(Duration::from_secs(minutes * 60));
        let table = [
            // (token, build ended, what the template says), now and the status
            ((0, None, None), 100_000, Connecting),
            ((0, None, minutes(1)), 100_000, Connecting),
            ((0, Some(300), None), 420, Connecting),
            ((0, Some(300), None), 421, Timeout),
            ((0, Some(300), minutes(1)), 360, Connecting),
            ((0, Some(300), minutes(1)), 361, Timeout),
            ((0, Some(300), minutes(15)), 1200, Connecting),
            ((0, Some(300), minutes(15)), 1201, Timeout),
            ((0, Some(300), minutes(0)), 100_000, Connecting),
            // Its owner got the token after the build.
            ((500, Some(300), None), 620, Connecting),
            ((500, Some(300), None), 621, Timeout),
            // Clocks of two replicas may differ.
            ((0, Some(300), None), 200, Connecting),
        ];
        for ((created, built, connection_timeout), now, expected) in table {
            let (created_at, built_at) = (at(created), built.map(at));
            let agent = Agent { created_at, built_at, connection_timeout, ..agent(None, None) };
            assert_eq!(agent.status(at(now)), expected, "{agent:?} at {now}");
            let connected = Agent { last_connected_at: Some(at(now)), ..agent };
            assert_eq!(connected.status(at(now)), AgentStatus::Connected, "{connected:?} at {now}");
        }
    }

    #[test]
    fn reports_of_older_sessions_are_ignored() {
        let report = |epoch, connected, seconds| Report { epoch, connected, at: at(seconds) };
        assert_eq!(agent(Some(10), None).after(report(2, false, 11)), None);
        assert_eq!(agent(Some(10), None).after(report(2, true, 11)), None);

        let ended = agent(Some(10), None).after(report(3, false, 11)).expect("the session's own end");
        assert_eq!(ended.status(at(11)), AgentStatus::Disconnected);
        let back = ended.after(report(4, true, 12)).expect("a newer session");
        assert_eq!((back.status(at(12)), back.epoch), (AgentStatus::Connected, 4));
        assert_eq!((back.first_connected_at, back.last_connected_at), (Some(at(10)), Some(at(12))));
    }

    #[test]
    fn the_order_of_reports_counts_where_clocks_differ() {
        let report = |epoch, connected, seconds| Report { epoch, connected, at: at(seconds) };
        let ended = agent(Some(10), None).after(report(3, false, 8)).expect("taken in");
        assert_eq!(ended.status(at(10)), AgentStatus::Disconnected);
        let back = agent(Some(10), Some(14)).after(report(4, true, 12)).expect("taken in");
        assert_eq!(back.status(at(12)), AgentStatus::Connected);
    }

    #[test]
    fn a_token_is_recognised_by_its_digest_and_not_shown() {
        let token = AgentToken::generate();
        assert_eq!(token.digest(), AgentToken::digest_of(token.secret().expose_secret()));
        assert_ne!(token.digest(), AgentToken::generate().digest());
        assert!(!format!("{token:?}").contains(TOKEN_PREFIX));
    }
}
