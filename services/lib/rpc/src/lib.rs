//! What every call between services has in common: one transport type for a socket and for the
//! same process, who calls, deadlines, trace context, metrics, and errors as gRPC statuses.
//!
//! A server is wrapped by [`server::ServerLayer`], a client by [`client::Peer`]; the order of
//! what they do is documented there and nowhere else.

pub mod assertion;
mod caller;
pub mod client;
mod deadline;
mod error;
mod handler;
pub mod metadata;
mod metrics;
mod replicas;
pub mod server;
pub mod trace;
mod transport;

pub use caller::{Caller, Denied, Role, UserId};
pub use error::{Code, ServiceError, into_status, status_with_reason};
pub use handler::{in_call, streaming, unary};
pub use metrics::RpcMetrics;
pub use replicas::Replicas;
pub use transport::{Transport, connect_lazy, local};

/// The largest message between services, where prompts and answers travel: more than any model's
/// context holds, and less than a process can bear.
pub const MAX_MESSAGE_BYTES: usize = 64 * 1024 * 1024;
