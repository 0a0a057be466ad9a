//! The network between replicas: none, with faults where a test wants them.

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::Arc;

use async_stream::stream;
use async_trait::async_trait;
use chatmesh_core::{SecretString, SystemClock};
use chatmesh_proto::chat::v1::part_service_server::{PartService, PartServiceServer};
use chatmesh_proto::chat::v1::{StreamPartsRequest, StreamPartsResponse};
use chatmesh_rpc::assertion::{AssertionError, KeySource, ServiceSigner, VerificationKey, Verifier};
use chatmesh_rpc::client::Peer;
use chatmesh_rpc::server::ServerLayer;
use chatmesh_rpc::{Replicas, RpcMetrics, local};
use chatmesh_runtime::{Listener, serve};
use futures::{Stream, StreamExt as _};
use parking_lot::Mutex;
use prometheus_client::registry::Registry;
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use tonic::{Request, Response, Status};
use tower::Layer as _;

use crate::parts::serve::PartApi;
use crate::state::State;

/// What goes wrong with the messages between replicas, each in this share of them.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Faults {
    /// The connection breaks.
    pub(crate) cut: f64,
    /// A message is lost.
    pub(crate) lost: f64,
    /// A message comes twice.
    pub(crate) doubled: f64,
}

/// The replicas by address.
#[derive(Clone)]
pub(crate) struct Network {
    servers: Arc<Mutex<HashMap<String, Peer>>>,
    secret: SecretString,
}

impl Network {
    pub(crate) fn new() -> Self {
        Self { servers: Arc::default(), secret: "a secret of at least thirty-two characters".into() }
    }

    /// A replica as the others know it.
    pub(crate) fn identity(&self) -> Peer {
        let nowhere = local(tonic::service::Routes::default().prepare());
        Peer::new(nowhere, ServiceSigner::new("chat", &self.secret, Arc::new(SystemClock)))
    }

    /// Serves a replica on a port of its own until it ends. Returns its address.
    pub(crate) async fn listen(&self, state: &Arc<State>) -> String {
        let listener = Listener::bind(([127, 0, 0, 1], 0).into()).await.expect("a port");
        let address = format!("http://{}", listener.address());
        let routes = tonic::service::Routes::new(PartServiceServer::new(PartApi::new(Arc::clone(state))));
        let router = axum::Router::new().fallback_service(self.layer().layer(routes.prepare()));
        state.tasks.spawn("server", serve(listener, router, state.tasks.clone()));
        address
    }

    fn layer(&self) -> ServerLayer {
        let verifier = Verifier::new(&self.secret, Arc::new(NoUsers));
        ServerLayer::new(verifier, RpcMetrics::register(&mut Registry::default()))
    }

    /// How one replica reaches the others.
    pub(crate) fn replicas(&self) -> Replicas {
        let servers = Arc::clone(&self.servers);
        Replicas::new(move |address| {
            servers.lock().get(address).cloned().ok_or_else(|| format!("nobody is at {address}"))
        })
    }

    /// Puts a replica at an address.
    pub(crate) fn serve(&self, address: &str, state: Arc<State>, faults: Faults, seed: u64) {
        let parts = Parts { api: PartApi::new(state), faults, seeds: Mutex::new(StdRng::seed_from_u64(seed)) };
        let routes = tonic::service::Routes::new(PartServiceServer::new(parts));
        let peer = self.identity().redirected(local(self.layer().layer(routes.prepare())));
        self.servers.lock().insert(address.to_owned(), peer);
    }

    /// Takes a replica off the network: it is not found any more.
    pub(crate) fn remove(&self, address: &str) {
        self.servers.lock().remove(address);
    }
}

#[derive(Debug)]
struct NoUsers;

#[async_trait]
impl KeySource for NoUsers {
    async fn fetch(&self) -> Result<Vec<VerificationKey>, AssertionError> {
        Ok(Vec::new())
    }
}

/// The service of live parts over a bad line.
struct Parts {
    api: PartApi,
    faults: Faults,
    seeds: Mutex<StdRng>,
}

type Responses = Pin<Box<dyn Stream<Item = Result<StreamPartsResponse, Status>> + Send>>;

#[tonic::async_trait]
impl PartService for Parts {
    type StreamPartsStream = Responses;

    async fn stream_parts(&self, r: Request<StreamPartsRequest>) -> Result<Response<Responses>, Status> {
        let mut responses = self.api.stream_parts(r).await?.into_inner();
        let mut dice = StdRng::seed_from_u64(self.seeds.lock().random());
        let faults = self.faults;
        Ok(Response::new(Box::pin(stream! {
            while let Some(response) = responses.next().await {
                if dice.random_bool(faults.cut) {
                    yield Err(Status::unavailable("the line broke"));
                    return;
                }
                if dice.random_bool(faults.lost) {
                    continue;
                }
                if dice.random_bool(faults.doubled) {
                    yield response.clone();
                }
                yield response;
            }
        })))
    }
}
