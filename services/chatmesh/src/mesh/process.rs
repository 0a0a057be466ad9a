//! What every process of the mesh has, whatever it serves.

use std::sync::Arc;

use anyhow::ensure;
use async_trait::async_trait;
use chatmesh_core::{Clock, ExposeSecret as _, IdSource, SecretString, SystemClock, SystemIds};
use chatmesh_proto::identity::v1::GetVerificationKeysRequest;
use chatmesh_proto::identity::v1::identity_service_client::IdentityServiceClient;
use chatmesh_rpc::assertion::{AssertionError, KeySource, ServiceSigner, VerificationKey, Verifier};
use chatmesh_rpc::client::Peer;
use chatmesh_rpc::server::ServerLayer;
use chatmesh_rpc::{RpcMetrics, Transport, local};
use chatmesh_runtime::{Readiness, Tasks};
use parking_lot::Mutex;
use prometheus_client::registry::Registry;
use tonic::service::Routes;
use tower::Layer as _;

/// The shortest secret of a mesh: what is shorter could be guessed.
const MIN_SECRET: usize = 32;

/// What every process has.
#[derive(Debug, Clone)]
pub(super) struct Process {
    pub(super) tasks: Tasks,
    pub(super) readiness: Readiness,
    pub(super) registry: Arc<Mutex<Registry>>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) ids: Arc<dyn IdSource>,
    secret: SecretString,
    rpc_metrics: RpcMetrics,
}

impl Process {
    pub(super) fn new(secret: &SecretString) -> anyhow::Result<Self> {
        ensure!(
            secret.expose_secret().len() >= MIN_SECRET,
            "mesh.secret must have at least {MIN_SECRET} characters, the same for all processes (CHATMESH_MESH__SECRET)"
        );
        let mut registry = Registry::default();
        let rpc_metrics = RpcMetrics::register(&mut registry);
        Ok(Self {
            tasks: Tasks::new(),
            readiness: Readiness::new(),
            registry: Arc::new(Mutex::new(registry)),
            clock: Arc::new(SystemClock),
            ids: Arc::new(SystemIds),
            secret: secret.clone(),
            rpc_metrics,
        })
    }

    /// Registers metrics.
    pub(super) fn metrics<M>(&self, register: impl FnOnce(&mut Registry) -> M) -> M {
        register(&mut self.registry.lock())
    }

    /// A neighbour, called under the name of `service`.
    pub(super) fn peer(&self, service: &str, transport: Transport) -> Peer {
        Peer::new(transport, ServiceSigner::new(service, &self.secret, Arc::clone(&self.clock)))
    }

    /// What every call to this process goes through. Callers are checked with the keys of `identity`.
    pub(super) fn server_layer(&self, identity: Peer) -> ServerLayer {
        let verifier = Verifier::new(&self.secret, Arc::new(IdentityKeys { identity }));
        ServerLayer::new(verifier, self.rpc_metrics.clone())
    }
}

/// A service of this process, as its neighbours in the process see it.
pub(super) fn in_process(layer: &ServerLayer, routes: Routes) -> Transport {
    local(layer.layer(routes.prepare()))
}

/// Fetches the public keys from `identity`.
#[derive(Debug)]
struct IdentityKeys {
    identity: Peer,
}

#[async_trait]
impl KeySource for IdentityKeys {
    async fn fetch(&self) -> Result<Vec<VerificationKey>, AssertionError> {
        let mut identity = IdentityServiceClient::new(self.identity.clone());
        let response = identity.get_verification_keys(GetVerificationKeysRequest {}).await;
        let keys = response.map_err(|status| AssertionError::KeysUnavailable(status.message().to_owned()))?;
        let keys = keys
            .into_inner()
            .keys
            .into_iter()
            .map(|key| VerificationKey { key_id: key.key_id, public_key: key.ed25519_public_key.to_vec() });
        Ok(keys.collect())
    }
}
