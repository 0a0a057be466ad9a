//! HTTP/JSON: the generated routes behind one handler.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::uri::PathAndQuery;
use axum::http::{HeaderValue, Method, Uri, header};
use axum::response::Response;
use bytes::Bytes;
use chatmesh_rpc::client::Peer;
use chatmesh_runtime::Shutdown;
use rest_over_grpc::serving::serve_http_fn_with_max_body_bytes;
use rest_over_grpc::transcoding::Transcode as _;

use crate::errors::{self, Refused};
use crate::forward::Forward;
use crate::generated::Transcoder;
use crate::neighbours::Neighbours;
use crate::sse;

/// The largest body of a request.
const MAX_BODY_BYTES: usize = 4 * 1024 * 1024;

/// One place for each service with public methods; all are forwarded in the same way.
type Routes = Transcoder<
    Forward,
    Forward,
    Forward,
    Forward,
    Forward,
    Forward,
    Forward,
    Forward,
    Forward,
    Forward,
    Forward,
    Forward,
    Forward,
>;

/// The routes.
#[derive(Clone)]
pub(crate) struct Rest {
    transcoder: Arc<Routes>,
    chat: Peer,
    shutdown: Shutdown,
}

impl Rest {
    pub(crate) fn new(neighbours: &Neighbours, shutdown: Shutdown) -> Self {
        let forward = Forward::new(neighbours);
        let service = || forward.clone();
        let transcoder = Routes::new(
            service(),
            service(),
            service(),
            service(),
            service(),
            service(),
            service(),
            service(),
            service(),
            service(),
            service(),
            service(),
            service(),
        );
        Self { transcoder: Arc::new(transcoder), chat: neighbours.chat.clone(), shutdown }
    }

    /// The service that has the chats and their files.
    pub(crate) fn chat(&self) -> &Peer {
        &self.chat
    }
}

/// Serves a request. Streams are server-sent events unless the client asks for NDJSON.
pub(crate) async fn serve(State(rest): State<Rest>, mut request: Request) -> Response {
    let mut refused = Refused::new(request.method(), request.uri());
    let wants_lines = request
        .headers()
        .get(header::ACCEPT)
        .and_then(|accept| accept.to_str().ok())
        .is_some_and(|accept| accept.contains("ndjson") || accept.contains("jsonl"));
    if !wants_lines {
        request.headers_mut().insert(header::ACCEPT, HeaderValue::from_static("text/event-stream"));
    }
    let transcode = async |method: Method, uri: Uri, headers, body: Bytes| {
        refused.body = body.clone();
        let target = uri.path_and_query().map_or_else(|| uri.path(), PathAndQuery::as_str);
        rest.transcoder.transcode(method.as_str(), target, headers, &body).await
    };
    let response = serve_http_fn_with_max_body_bytes(request, MAX_BODY_BYTES, transcode).await.map(Body::new);
    if response.status().is_success() {
        sse::keep_alive(response, rest.shutdown.soft().clone())
    } else {
        errors::unify(response, &refused).await
    }
}
