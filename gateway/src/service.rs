//! The gateway as a whole: its neighbours and its routes.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::middleware;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use chatmesh_runtime::{Readiness, Tasks};
use parking_lot::Mutex;
use prometheus_client::registry::Registry;
use tower::ServiceBuilder;

use crate::Config;
use crate::activity::{Activity, report};
use crate::authenticate::{Authenticator, authenticate};
use crate::compatible::Compatible;
use crate::files;
use crate::http_metrics::{HttpMetrics, observe};
use crate::mcp::Mcp;
use crate::neighbours::Neighbours;
use crate::public_grpc::PublicGrpc;
use crate::rest;
use crate::workspace::{self, Access};

/// The public contract as OpenAPI 3.1.
static OPENAPI: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/openapi.json"));

/// The gateway.
#[derive(Debug, Clone)]
pub struct Gateway {
    neighbours: Neighbours,
    readiness: Readiness,
    registry: Arc<Mutex<Registry>>,
    metrics: HttpMetrics,
    tasks: Tasks,
    activity: Activity,
}

impl Gateway {
    /// A gateway in front of `neighbours`. What lasts longer than a request is one of `tasks`.
    #[must_use]
    pub fn new(
        neighbours: Neighbours,
        readiness: Readiness,
        registry: Arc<Mutex<Registry>>,
        metrics: HttpMetrics,
        tasks: Tasks,
    ) -> Self {
        Self { neighbours, readiness, registry, metrics, tasks, activity: Activity::default() }
    }

    /// Begins what the gateway does by itself: it says which workspaces people use.
    pub fn start(&self, config: &Config) {
        let (activity, workspaces) = (self.activity.clone(), self.neighbours.activity.clone());
        let soft = self.tasks.shutdown().soft().clone();
        let telling = report::run(activity, workspaces, config.activity_interval, soft);
        self.tasks.spawn_loop("gateway.activity", telling);
    }

    /// The routes with those that every process has.
    pub fn router(&self) -> Router {
        process_routes(self.readiness.clone(), Arc::clone(&self.registry)).merge(self.api_router())
    }

    /// The routes of the public contract: what needs no token first, then everything else behind one.
    pub fn api_router(&self) -> Router {
        let authenticator = Authenticator::new(self.neighbours.exchange.clone());
        let shutdown = self.tasks.shutdown();
        let grpc = PublicGrpc::new(self.neighbours.clone(), authenticator.clone(), shutdown.clone());
        let compatible = Compatible::new(self.neighbours.llm.clone(), authenticator.clone());
        let access = Access::new(&self.neighbours, self.tasks.clone(), self.activity.clone());
        let mcp = Mcp::new(&self.neighbours, access.clone()).router(authenticator.clone());
        let guarded = ServiceBuilder::new()
            .layer(middleware::from_fn(workspace::from_protocol))
            .layer(middleware::from_fn_with_state(authenticator, authenticate));
        let api = Router::new()
            .route("/api/v1/files", post(files::upload).fallback(rest::serve))
            .route("/api/v1/files/{file_id}", get(files::download).fallback(rest::serve))
            .merge(workspace::router(&access))
            .fallback(rest::serve)
            .with_state(rest::Rest::new(&self.neighbours, shutdown.clone()))
            .layer(guarded);
        Router::new()
            .route("/openapi.json", get(openapi))
            .merge(compatible.router())
            .merge(mcp)
            .route("/{service}/{method}", axum::routing::any(crate::public_grpc::serve).with_state(grpc))
            .fallback_service(api)
            .layer(middleware::from_fn_with_state(self.metrics.clone(), observe))
    }
}

/// Health and metrics, which every process has.
pub fn process_routes(readiness: Readiness, registry: Arc<Mutex<Registry>>) -> Router {
    Router::new()
        .route("/healthz", get(async || "ok\n"))
        .route("/readyz", get(ready).with_state(readiness))
        .route("/metrics", get(metrics).with_state(registry))
}

async fn ready(State(readiness): State<Readiness>) -> Response {
    let missing = readiness.missing();
    if missing.is_empty() {
        "ready\n".into_response()
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, format!("not ready: {}\n", missing.join(", "))).into_response()
    }
}

async fn metrics(State(registry): State<Arc<Mutex<Registry>>>) -> Response {
    let mut text = String::new();
    match prometheus_client::encoding::text::encode(&mut text, &registry.lock()) {
        Ok(()) => {
            let content_type = "application/openmetrics-text; version=1.0.0; charset=utf-8";
            ([(header::CONTENT_TYPE, content_type)], text).into_response()
        }
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}

async fn openapi() -> Response {
    ([(header::CONTENT_TYPE, "application/json")], OPENAPI).into_response()
}
