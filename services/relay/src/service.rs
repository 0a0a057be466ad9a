//! The service: what it stands on and how it is set up.

use std::sync::Arc;

use chatmesh_db::{Migrations, migrations};
use chatmesh_host::Deps;
use chatmesh_proto::relay::v1::relay_service_server::{RelayServiceServer, SERVICE_NAME};
use chatmesh_rpc::client::Peer;

use crate::api::Api;
use crate::sessions::Sessions;
use crate::state::State;
use crate::store::SqlSessionStore;
use crate::{RelayMetrics, dial_in, forward};

/// The schema of the service.
pub const MIGRATIONS: Migrations = migrations!("relay", [1 => "0001_sessions"]);

/// The service.
#[derive(Debug, Clone)]
pub struct Service {
    state: Arc<State>,
}

impl Service {
    /// Sets the service up on a database whose schema is up to date.
    #[must_use]
    pub fn build(deps: Deps, workspaces: Peer, metrics: RelayMetrics) -> Self {
        let state = State {
            replica_id: deps.ids.next(),
            store: Arc::new(SqlSessionStore::new(deps.db)),
            sessions: Sessions::default(),
            workspaces,
            metrics,
            clock: deps.clock,
            ids: deps.ids,
            tasks: deps.tasks,
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
        let state = Arc::clone(&self.state);
        let soft = state.tasks.shutdown().soft().clone();
        self.state.tasks.spawn("relay.drain", async move {
            soft.cancelled().await;
            state.sessions.close();
        });
    }
}
