//! What a stateful service is given, and what it gives back.

mod store_error;

use std::sync::Arc;

use chatmesh_bus::Bus;
use chatmesh_core::{Clock, IdSource};
use chatmesh_db::Db;
use chatmesh_runtime::{Readiness, Tasks};
pub use store_error::{db_code, db_reason};

/// What a stateful service stands on. Its neighbours are not here: each service names its own.
#[derive(Debug, Clone)]
pub struct Deps {
    /// The service's own database.
    pub db: Db,
    /// Hints to and from other replicas and services.
    pub bus: Bus,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// New identifiers.
    pub ids: Arc<dyn IdSource>,
    /// Where background work runs.
    pub tasks: Tasks,
    /// Whether the process is ready.
    pub readiness: Readiness,
}

/// A service: its methods, and the loops that it runs.
pub trait Service: Send + Sync {
    /// The service's word in commands, metrics and logs.
    fn name(&self) -> &'static str;

    /// The full names of its gRPC services, for health.
    fn grpc_names(&self) -> &'static [&'static str];

    /// Its gRPC methods, without the layers that every call goes through.
    fn routes(&self) -> tonic::service::Routes;

    /// Starts its background loops. Called once, after the process is set up.
    fn start(&self);
}
