//! Tells `workspaces` now and then which of them people use.

use std::time::Duration;

use chatmesh_proto::workspaces::v1::workspace_service_client::WorkspaceServiceClient;
use chatmesh_proto::workspaces::v1::{ReportActivitiesRequest, WorkspaceActivity};
use chatmesh_rpc::client::Peer;
use tokio::time::{Instant, MissedTickBehavior, interval_at, timeout};
use tokio_util::sync::CancellationToken;
use tonic::Status;
use tracing::warn;

use super::{Activity, Used};

/// How long a call may take. The next one comes soon, and names what this one did.
const TIMEOUT: Duration = Duration::from_secs(5);
/// How many workspaces one call names.
const MAX_WORKSPACES: usize = 1000;

/// Tells at each beat what was used since the one before, until the process ends, and then what is left.
pub(crate) async fn run(activity: Activity, workspaces: Peer, interval: Duration, shutdown: CancellationToken) {
    let mut beat = interval_at(Instant::now() + interval, interval);
    beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = beat.tick() => {}
            () = shutdown.cancelled() => break,
        }
        tell(&activity, &workspaces).await;
    }
    tell(&activity, &workspaces).await;
}

/// Tells of all with one call, where there are not very many. What could not be told is kept.
async fn tell(activity: &Activity, workspaces: &Peer) {
    let taken = activity.take();
    let mut untold = taken.as_slice();
    while !untold.is_empty() {
        let (some, rest) = untold.split_at(untold.len().min(MAX_WORKSPACES));
        if let Err(status) = call(workspaces, some).await {
            let count = untold.len();
            warn!(count, code = ?status.code(), "it is not told yet which workspaces are used: {}", status.message());
            return activity.put_back(untold);
        }
        untold = rest;
    }
}

async fn call(workspaces: &Peer, used: &[Used]) -> Result<(), Status> {
    let activity =
        |used: &Used| WorkspaceActivity { workspace_id: used.workspace.to_string(), reason: used.reason().into() };
    let activities = used.iter().map(activity).collect();
    let mut workspaces = WorkspaceServiceClient::new(workspaces.clone());
    let call = workspaces.report_activities(ReportActivitiesRequest { activities, ..Default::default() });
    match timeout(TIMEOUT, call).await {
        Ok(answer) => answer.map(drop),
        Err(_) => Err(Status::deadline_exceeded("the workspaces service did not answer")),
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::sync::Arc;

    use bytes::Bytes;
    use chatmesh_core::{SecretString, SystemClock, Uuid};
    use chatmesh_proto::workspaces::v1::ActivityReason::{self, PortForward, Repository, Terminal};
    use chatmesh_rpc::assertion::ServiceSigner;
    use chatmesh_rpc::{Code, local};
    use chatmesh_runtime::Tasks;
    use http_body_util::{BodyExt as _, Full};
    use parking_lot::Mutex;
    use prost::Message as _;
    use tokio::time::sleep;
    use tonic::body::Body;

    use super::super::Kind;
    use super::*;

    const INTERVAL: Duration = Duration::from_secs(30);

    /// What one call named, in order.
    type Told = Vec<(u128, ActivityReason)>;

    /// How a call is answered.
    #[derive(Debug, Clone, Copy, Default)]
    enum Mood {
        #[default]
        Well,
        Failing,
        Silent,
    }

    /// Workspaces that take down what they are told.
    #[derive(Debug, Clone, Default)]
    struct Listener {
        told: Arc<Mutex<Vec<Told>>>,
        mood: Arc<Mutex<Mood>>,
    }

    impl Listener {
        fn peer(&self) -> Peer {
            let listener = self.clone();
            let service = tower::service_fn(move |request| {
                let listener = listener.clone();
                async move { Ok::<_, Infallible>(listener.answer(request).await) }
            });
            let secret = SecretString::from("a secret of at least thirty-two characters");
            Peer::new(local(service), ServiceSigner::new("gateway", &secret, Arc::new(SystemClock)))
        }

        async fn answer(self, request: http::Request<Body>) -> http::Response<Body> {
            assert!(request.uri().path().ends_with("/ReportActivities"), "{}", request.uri());
            let body = request.into_body().collect().await.expect("a body").to_bytes();
            // Five bytes say how long the message is.
            let message = ReportActivitiesRequest::decode(&body[5..]).expect("a message");
            assert!(message.workspace_ids.is_empty());
            let named = |one: &WorkspaceActivity| {
                let id: Uuid = one.workspace_id.parse().expect("a UUID");
                (id.as_u128(), one.reason())
            };
            let mut named: Told = message.activities.iter().map(named).collect();
            named.sort_unstable();
            self.told.lock().push(named);
            let mood = *self.mood.lock();
            let (code, body) = match mood {
                Mood::Well => (Code::Ok, vec![0_u8; 5]),
                Mood::Failing => (Code::Unavailable, Vec::new()),
                Mood::Silent => std::future::pending().await,
            };
            let response = http::Response::builder().header("content-type", "application/grpc");
            let response = response.header("grpc-status", i32::from(code));
            response.body(Body::new(Full::new(Bytes::from(body)))).expect("a response")
        }

        fn is(&self, mood: Mood) {
            *self.mood.lock() = mood;
        }

        /// What was told since this was asked last, one list for each call.
        fn told(&self) -> Vec<Told> {
            std::mem::take(&mut self.told.lock())
        }
    }

    struct World {
        activity: Activity,
        listener: Listener,
        tasks: Tasks,
    }

    impl World {
        async fn new() -> Self {
            let (activity, listener, tasks) = (Activity::default(), Listener::default(), Tasks::new());
            let soft = tasks.shutdown().soft().clone();
            tasks.spawn("report", run(activity.clone(), listener.peer(), INTERVAL, soft));
            // From here on each beat is in the middle of two calls of `beat`.
            sleep(INTERVAL / 2).await;
            Self { activity, listener, tasks }
        }

        /// Lets a beat pass, and returns what was told.
        async fn beat(&self) -> Vec<Told> {
            sleep(INTERVAL).await;
            self.listener.told()
        }

        fn open(&self, workspace: u128, kind: Kind) -> super::super::Session {
            self.activity.open(Uuid::from_u128(workspace), kind)
        }
    }

    /// B.8, D.10: half a minute of all sessions of the process is one call.
    #[tokio::test(start_paused = true)]
    async fn all_that_was_used_since_the_last_beat_is_told_with_one_call() {
        let world = World::new().await;
        let (terminal, port) = (world.open(1, Kind::Terminal), world.open(2, Kind::PortForward));
        let _idle = world.open(3, Kind::PortForward);
        assert_eq!(world.beat().await, Vec::<Told>::new(), "nobody is asked anything where nothing is used");
        for _ in 0..1000 {
            terminal.used();
            port.used();
        }
        let short = world.open(4, Kind::Repository);
        short.used();
        drop(short);
        assert_eq!(world.beat().await, [vec![(1, Terminal), (2, PortForward), (4, Repository)]]);
        terminal.used();
        assert_eq!(world.beat().await, [vec![(1, Terminal)]], "the others are idle, or have ended");
        assert_eq!(world.beat().await, Vec::<Told>::new());
    }

    #[tokio::test(start_paused = true)]
    async fn what_could_not_be_told_is_told_at_the_next_beat() {
        let world = World::new().await;
        world.listener.is(Mood::Failing);
        let terminal = world.open(1, Kind::Terminal);
        terminal.used();
        world.open(2, Kind::PortForward).used();
        let both = vec![(1, Terminal), (2, PortForward)];
        assert_eq!(world.beat().await, std::slice::from_ref(&both), "once");
        world.listener.is(Mood::Silent);
        assert_eq!(world.beat().await, std::slice::from_ref(&both));
        // That nobody answers is no business of a session.
        terminal.used();
        drop(world.open(3, Kind::Terminal));
        world.listener.is(Mood::Well);
        assert_eq!(world.beat().await, [both]);
        assert_eq!(world.beat().await, Vec::<Told>::new());
    }

    #[tokio::test(start_paused = true)]
    async fn more_workspaces_than_one_call_takes_are_told_with_several() {
        let world = World::new().await;
        for workspace in 0..2500 {
            world.open(workspace, Kind::Terminal).used();
        }
        let calls = world.beat().await;
        assert_eq!(calls.iter().map(Vec::len).collect::<Vec<_>>(), [1000, 1000, 500]);
        let mut named: Vec<u128> = calls.concat().into_iter().map(|(workspace, _)| workspace).collect();
        named.sort_unstable();
        assert!(named.into_iter().eq(0..2500), "each once");
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_used_before_the_process_ends_is_told() {
        let world = World::new().await;
        world.open(1, Kind::Terminal).used();
        world.tasks.shutdown().begin();
        assert!(world.tasks.wait(TIMEOUT).await);
        assert_eq!(world.listener.told(), [vec![(1, Terminal)]]);
    }
}
