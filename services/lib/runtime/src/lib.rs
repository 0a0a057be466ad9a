//! What a process of the mesh is made of: configuration, tasks that are all accounted for,
//! readiness, one port for gRPC and HTTP, and an orderly end.

pub mod config;
mod lifecycle;
mod prompt;
mod readiness;
mod server;
mod tasks;
pub mod tls;

pub use lifecycle::{Lifecycle, LifecycleConfig};
pub use readiness::{Readiness, ReadinessGuard};
pub use server::{GrpcRoutes, Listener, serve};
pub use tasks::{KeepOpen, Shutdown, Tasks};

/// Makes ring the process's TLS provider. Call it at the start of every binary.
pub fn install_crypto() {
    // An error says that it was done before.
    let _ = rustls::crypto::ring::default_provider().install_default();
}
