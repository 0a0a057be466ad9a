//! Errors as gRPC statuses with the details of `google.rpc`.

use std::collections::HashMap;

use chatmesh_core::Violations;
pub use tonic::Code;
use tonic::Status;
use tonic_types::{ErrorDetails, StatusExt as _};
use tracing::error;

/// An error of a service's domain: what callers are told.
pub trait ServiceError: std::error::Error + Send + Sync + 'static {
    /// The proto package, like `chatmesh.chat.v1`; clients match on it together with the reason.
    const DOMAIN: &'static str;

    /// The gRPC code.
    fn code(&self) -> Code;

    /// A stable UPPER_SNAKE word for the condition; clients match on it, never on the text.
    fn reason(&self) -> &'static str;

    /// What is wrong with which field, where that is the error.
    fn violations(&self) -> Option<&Violations> {
        None
    }

    /// How long to wait before the next try, where that helps.
    fn retry_after(&self) -> Option<std::time::Duration> {
        None
    }
}

/// Turns an error into a status. Causes of internal errors are logged here, once, and never leave the process.
pub fn into_status<E: ServiceError>(error: &E) -> Status {
    let code = error.code();
    let mut details = ErrorDetails::new();
    details.set_error_info(error.reason(), E::DOMAIN, HashMap::<String, String>::new());
    for violation in error.violations().into_iter().flat_map(Violations::iter) {
        details.add_bad_request_violation(violation.field.clone(), violation.description.clone());
    }
    if let Some(delay) = error.retry_after() {
        details.set_retry_info(Some(delay));
    }
    let message = match code {
        Code::Internal => {
            error!(error = %chain(error), "internal error");
            "internal error; the log of the service has the cause".to_owned()
        }
        Code::Unavailable => {
            tracing::warn!(error = %chain(error), "not available");
            error.to_string()
        }
        _ => error.to_string(),
    };
    Status::with_error_details(code, message, details)
}

/// A status with a reason, for the few places that have no error type of their own.
#[must_use]
pub fn status_with_reason(code: Code, reason: &str, domain: &str, message: impl Into<String>) -> Status {
    let mut details = ErrorDetails::new();
    details.set_error_info(reason, domain, HashMap::<String, String>::new());
    Status::with_error_details(code, message, details)
}

/// The error and its causes in one line.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}
