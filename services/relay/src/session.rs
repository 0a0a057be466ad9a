//! The life of one session: greeting, registration, reports, end.

use std::sync::Arc;
use std::time::Duration;

use chatmesh_core::{Timestamp, Uuid};
use chatmesh_proto::relay::v1::{Refusal, Welcome};
use chatmesh_proto::workspaces::v1::ReportConnectionRequest;
use chatmesh_proto::workspaces::v1::agent_service_client::AgentServiceClient;
use chatmesh_rpc::Code;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{MissedTickBehavior, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{info, warn};

use crate::carrier::{self, AcceptError, AgentChannel, Carrier};
use crate::dial_in::{Admitted, ENDS};
use crate::sessions::Session;
use crate::state::State;
use crate::supervise::{Line, Supervised};
use crate::{drain, hints};

/// How long a report may take; the last one is made when the agent is gone already.
const REPORT_TIMEOUT: Duration = Duration::from_secs(10);

/// How long the store may take for the beginning or the end of a session.
const STORE_TIMEOUT: Duration = Duration::from_secs(5);

/// Runs a session on an upgraded connection until it ends.
pub(crate) async fn run<Io>(state: Arc<State>, admitted: Admitted, io: Io)
where
    Io: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let Admitted { agent, manifest, token_issue_time } = admitted;
    let (session_id, connected_at) = (state.ids.next(), state.clock.now());
    // Others may be told of the session before it is here.
    let expected = state.arrivals.expect(agent);
    let decide = |_hello, version| {
        let state = Arc::clone(&state);
        async move { welcome(&state, agent, session_id, connected_at, version).await }
    };
    let carrier = match carrier::accept(io, decide).await {
        Ok(carrier) => carrier,
        Err(error) => {
            match error {
                AcceptError::Refused(refusal) => {
                    info!(%agent, "agent refused: {}", refusal.message);
                    state.metrics.refused.inc();
                }
                error => info!(%agent, %error, "agent did not greet as it should"),
            }
            // It may be recorded already.
            return end(&state, agent, session_id).await;
        }
    };
    let Carrier { hello, welcome, channel, connection } = carrier;
    info!(%agent, version = hello.agent_version, epoch = welcome.epoch, "agent connected");
    let session = Session {
        session_id,
        epoch: welcome.epoch,
        connected_at,
        channel: channel.clone(),
        line: Line::default(),
        calls: TaskTracker::new(),
        relieved: CancellationToken::new(),
        is_told: false,
    };
    let Some(present) = Present::begin(&state, agent, session.clone()) else {
        return end(&state, agent, session_id).await;
    };
    // The sessions may have been closed between the greeting and now.
    if state.tasks.shutdown().soft().is_cancelled() {
        channel.close();
    }
    drop(expected);
    let (epoch, instance_id, line) = (welcome.epoch, hello.instance_id, session.line.clone());
    let relieved = session.relieved.clone();
    let supervised = Supervised { agent, epoch, instance_id, manifest, channel, line, relieved };
    state.tasks.spawn("relay.supervision", supervised.run(Arc::clone(&state)));
    hints::changed(&state.bus, agent, welcome.epoch).await;
    let reported = ReportConnectionRequest {
        agent_id: agent.to_string(),
        epoch: welcome.epoch,
        connected: true,
        token_issue_time,
    };
    let closed = {
        let reports = report_while_connected(&state, &reported, &session.channel);
        tokio::pin!(connection);
        tokio::select! {
            closed = &mut connection => Some(closed),
            // The agent is not to be here any more: cut, and let what is open end with it.
            () = reports => None,
            // What was open has ended.
            () = drain::relieved(&session, agent) => None,
        }
    };
    drop(present);
    info!(%agent, epoch = welcome.epoch, ?closed, "agent disconnected");
    end(&state, agent, session_id).await;
    hints::changed(&state.bus, agent, welcome.epoch).await;
    report(&state, &reported, false).await;
}

/// A session that callers find, until this is dropped.
struct Present<'a> {
    state: &'a State,
    agent: Uuid,
    session: Session,
}

impl<'a> Present<'a> {
    /// `None` where the agent has a later session here.
    fn begin(state: &'a State, agent: Uuid, session: Session) -> Option<Self> {
        let is_latest = state.sessions.add(agent, session.clone());
        is_latest.then(|| {
            state.metrics.sessions.inc();
            Self { state, agent, session }
        })
    }
}

impl Drop for Present<'_> {
    fn drop(&mut self) {
        self.session.channel.close();
        self.state.metrics.sessions.dec();
        self.state.sessions.remove(self.agent, self.session.session_id);
    }
}

/// Records the end of a session, where its beginning is recorded.
async fn end(state: &State, agent: Uuid, session: Uuid) {
    let ending = state.store.end(agent, session, state.clock.now());
    match timeout(STORE_TIMEOUT, ending).await {
        Ok(Ok(())) => {}
        // Whoever is sent here for the agent is told that it is gone.
        Ok(Err(error)) => warn!(%agent, %error, "the end of a session is not recorded"),
        Err(_) => warn!(%agent, "the end of a session is not recorded: the database takes too long"),
    }
}

/// Records the session of an agent that has greeted.
pub(crate) async fn welcome(
    state: &State,
    agent: Uuid,
    session: Uuid,
    now: Timestamp,
    version: u32,
) -> Result<Welcome, Refusal> {
    if state.tasks.shutdown().soft().is_cancelled() {
        return Err(Refusal { message: ENDS.to_owned(), permanent: false });
    }
    let away = || {
        let message = "the relay's database is not available: connect again".to_owned();
        Refusal { message, permanent: false }
    };
    // In less time than the agent waits: a session that begins when the agent is elsewhere by then would end that one.
    let beginning = async {
        // Others find an agent by the replica that holds it.
        state.announced.cancelled().await;
        state.store.begin(agent, session, state.replica_id, now).await
    };
    let epoch = timeout(STORE_TIMEOUT, beginning).await.map_err(|_| {
        warn!(%agent, "session not recorded: the database takes too long");
        away()
    })?;
    let epoch = epoch.map_err(|error| {
        warn!(%agent, %error, "session not recorded");
        away()
    })?;
    Ok(Welcome { version, agent_id: agent.to_string(), session_id: session.to_string(), epoch })
}

/// Reports at once and then regularly. Ends where the agent is not to be connected any more.
async fn report_while_connected(state: &State, reported: &ReportConnectionRequest, channel: &AgentChannel) {
    let mut tick = tokio::time::interval(state.config.report_interval);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = tick.tick() => {}
            _ = channel.closed() => return,
        }
        if report(state, reported, true).await == Some(false) {
            info!(agent = reported.agent_id, "the agent's build or its token is not the latest any more");
            return;
        }
    }
}

/// Reports to `workspaces`. `None` where nobody could be told.
async fn report(state: &State, reported: &ReportConnectionRequest, connected: bool) -> Option<bool> {
    let mut request = tonic::Request::new(ReportConnectionRequest { connected, ..reported.clone() });
    request.set_timeout(REPORT_TIMEOUT);
    let mut agents = AgentServiceClient::new(state.workspaces.clone());
    match agents.report_connection(request).await {
        Ok(response) => Some(response.into_inner().current),
        // Its row is gone: there is no such agent any more.
        Err(status) if status.code() == Code::NotFound => Some(false),
        Err(status) => {
            warn!(agent = reported.agent_id, connected, error = %status.message(), "connection not reported");
            None
        }
    }
}
