//! The service: what it stands on and how it is set up.

use std::sync::Arc;

use chatmesh_db::{Migrations, migrations};
use chatmesh_host::Deps;
use chatmesh_proto::relay::v1::relay_service_server::{RelayServiceServer, SERVICE_NAME};
use chatmesh_rpc::Replicas;
use chatmesh_rpc::client::Peer;
use tokio_util::sync::CancellationToken;

use crate::api::Api;
use crate::arrivals::Arrivals;
use crate::location::Locations;
use crate::sessions::Sessions;
use crate::state::State;
use crate::store::{SessionStore, SqlSessionStore};
use crate::{Config, RelayMetrics, dial_in, drain, forward, hints, presence};

/// The schema of the service.
pub const MIGRATIONS: Migrations =
    migrations!("relay", [1 => "0001_sessions", 2 => "0002_replicas", 3 => "0003_draining"]);

/// The service.
#[derive(Debug, Clone)]
pub struct Service {
    state: Arc<State>,
}

impl Service {
    /// Sets the service up on a database whose schema is up to date. Other replicas are called under
    /// the identity with which `workspaces` is.
    #[must_use]
    pub fn build(config: Config, deps: Deps, workspaces: Peer, metrics: RelayMetrics) -> Self {
        let replica_id = deps.ids.next();
        let store: Arc<dyn SessionStore> = Arc::new(SqlSessionStore::new(deps.db));
        let state = State {
            config,
            replica_id,
            locations: Locations::new(replica_id, Arc::clone(&store), Arc::clone(&deps.clock)),
            store,
            sessions: Sessions::default(),
            replicas: Replicas::over_network(workspaces.clone()),
            arrivals: Arrivals::default(),
            bus: deps.bus,
            workspaces,
            metrics,
            clock: deps.clock,
            ids: deps.ids,
            tasks: deps.tasks,
            announced: CancellationToken::new(),
            left: CancellationToken::new(),
        };
        Self { state: Arc::new(state) }
    }

    /// The HTTP route on which agents dial in. Agents show their own tokens: it needs no caller.
    pub fn dial_in(&self) -> axum::Router {
        dial_in::router(Arc::clone(&self.state))
    }
}

impl chatmesh_host::Service for Service {
    fn name(&self) -> &'static str {
        "relay"
    }

    fn grpc_names(&self) -> &'static [&'static str] {
        &[SERVICE_NAME]
    }

    fn routes(&self) -> tonic::service::Routes {
        let api = RelayServiceServer::new(Api::new(Arc::clone(&self.state)));
        forward::with_forwarding(tonic::service::Routes::new(api), Arc::clone(&self.state))
    }

    fn start(&self) {
        let tasks = &self.state.tasks;
        tasks.spawn_loop("relay.presence", presence::run(Arc::clone(&self.state)));
        tasks.spawn_loop("relay.hints", hints::listen(Arc::clone(&self.state)));
        let ports = tasks.shutdown().keep_open();
        tasks.spawn("relay.drain", drain::run(Arc::clone(&self.state), ports));
    }
}

#[cfg(test)]
mod tests {
    use chatmesh_bus::Bus;
    use chatmesh_core::{Clock as _, IdSource as _, SystemClock, SystemIds};
    use chatmesh_rpc::assertion::ServiceSigner;
    use chatmesh_rpc::local;
    use chatmesh_runtime::{Readiness, Tasks};
    use chatmesh_testkit::{TestDb, sqlite};
    use prometheus_client::registry::Registry;

    use super::*;
    use crate::session::welcome;

    fn service(db: &TestDb) -> Service {
        let deps = Deps {
            db: db.db.clone(),
            bus: Bus::memory(),
            clock: Arc::new(SystemClock),
            ids: Arc::new(SystemIds),
            tasks: Tasks::new(),
            readiness: Readiness::new(),
        };
        let secret = "a secret of at least thirty-two characters".into();
        let signer = ServiceSigner::new("relay", &secret, Arc::new(SystemClock));
        let workspaces = Peer::new(local(tonic::service::Routes::default().prepare()), signer);
        let config = Config { advertise_address: Some("http://here".to_owned()), ..Config::default() };
        Service::build(config, deps, workspaces, RelayMetrics::register(&mut Registry::default()))
    }

    /// An agent that came before the replica is on the list would be found by nobody.
    #[tokio::test]
    async fn no_agent_is_taken_before_the_replica_is_announced() {
        let db = sqlite(MIGRATIONS).await;
        let Service { state } = service(&db);
        let (agent, session, now) = (SystemIds.next(), SystemIds.next(), SystemClock.now());
        tokio::time::pause();
        let refusal = welcome(&state, agent, session, now, 1).await.expect_err("too early");
        tokio::time::resume();
        assert!(!refusal.permanent, "it comes again: {refusal:?}");
        assert_eq!(state.store.get(agent).await.expect("read"), None);

        tokio::select! {
            () = presence::run(Arc::clone(&state)) => panic!("nobody has left"),
            welcomed = welcome(&state, agent, session, now, 1) => assert_eq!(welcomed.expect("welcome").epoch, 1),
        }
        let found = state.store.locate(agent, now).await.expect("read").expect("it is found");
        assert_eq!((found.session.session_id, found.address.as_deref()), (session, Some("http://here")));
    }
}
