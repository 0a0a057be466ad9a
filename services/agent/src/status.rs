//! Errors as gRPC statuses with a reason that callers can match on.

use chatmesh_rpc::{Code, status_with_reason};
use tonic::Status;

/// The domain of all reasons.
const DOMAIN: &str = "chatmesh.agent.v1";

/// A status with a stable UPPER_SNAKE reason.
pub(crate) fn status(code: Code, reason: &str, message: impl Into<String>) -> Status {
    status_with_reason(code, reason, DOMAIN, message)
}
