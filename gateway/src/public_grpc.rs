//! Public gRPC: the methods that have a route, under their own names, forwarded as bytes.

use axum::extract::{Request, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use chatmesh_rpc::client::Peer;
use chatmesh_runtime::Shutdown;
use tonic::Status;
use tonic::body::Body;
use tower::ServiceExt as _;

use crate::authenticate::Authenticator;
use crate::ending::Ending;
use crate::errors;
use crate::neighbours::Neighbours;

/// Which service serves a method.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Target {
    Chat,
    Identity,
    Llm,
    Tools,
    Workspaces,
}

/// The public methods, from the protos.
static METHODS: &[(&str, Target)] = include!(concat!(env!("OUT_DIR"), "/public_methods.rs"));

#[derive(Debug, Clone)]
pub(crate) struct PublicGrpc {
    neighbours: Neighbours,
    authenticator: Authenticator,
    shutdown: Shutdown,
}

impl PublicGrpc {
    pub(crate) fn new(neighbours: Neighbours, authenticator: Authenticator, shutdown: Shutdown) -> Self {
        Self { neighbours, authenticator, shutdown }
    }

    fn peer(&self, path: &str) -> Option<Peer> {
        let (_, target) = METHODS.iter().find(|(method, _)| *method == path)?;
        Some(match target {
            Target::Chat => self.neighbours.chat.clone(),
            Target::Identity => self.neighbours.identity.clone(),
            Target::Llm => self.neighbours.llm.clone(),
            Target::Tools => self.neighbours.tools.clone(),
            Target::Workspaces => self.neighbours.workspaces.clone(),
        })
    }

    async fn call(&self, mut request: Request) -> Result<Response, Status> {
        let path = request.uri().path().to_owned();
        let peer =
            self.peer(&path).ok_or_else(|| Status::unimplemented(format!("there is no public method `{path}`")))?;
        self.authenticator.admit(request.headers_mut()).await?;
        let response = peer.oneshot(request.map(Body::new)).await;
        let response =
            response.map_err(|error| Status::unavailable(format!("the service is not available: {error}")))?;
        Ok(response.map(|body| Ending::new(body, self.shutdown.soft().clone())).into_response())
    }
}

pub(crate) async fn serve(State(grpc): State<PublicGrpc>, request: Request) -> Response {
    let is_grpc = request
        .headers()
        .get(header::CONTENT_TYPE)
        .is_some_and(|content_type| content_type.as_bytes().starts_with(b"application/grpc"));
    if !is_grpc {
        let what = format!("{} {}", request.method(), request.uri().path());
        return errors::no_route(&what);
    }
    match grpc.call(request).await {
        Ok(response) => response,
        Err(status) => status.into_http::<axum::body::Body>().into_response(),
    }
}
