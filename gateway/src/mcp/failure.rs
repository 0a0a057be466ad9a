//! Errors of services as sentences.

use tonic::{Code, Status};
use tonic_types::StatusExt as _;

/// What a client is told of a status: what is wrong and where, and what to do.
pub(super) fn sentence(status: &Status) -> String {
    let violations = status.get_details_bad_request().map(|bad| bad.field_violations).unwrap_or_default();
    if violations.is_empty() {
        return match status.code() {
            Code::Unauthenticated => "the token is not valid any more: use another one".to_owned(),
            _ => status.message().to_owned(),
        };
    }
    let said: Vec<String> =
        violations.into_iter().map(|violation| format!("`{}` {}", violation.field, violation.description)).collect();
    said.join("; ")
}

#[cfg(test)]
mod tests {
    use tonic_types::ErrorDetails;

    use super::*;

    #[test]
    fn what_is_wrong_with_which_field_is_said() {
        let mut details = ErrorDetails::new();
        details.add_bad_request_violation("name", "must be short");
        let status = Status::with_error_details(Code::InvalidArgument, "invalid request", details);
        assert_eq!(sentence(&status), "`name` must be short");
        assert_eq!(sentence(&Status::not_found("there is no workspace `a`")), "there is no workspace `a`");
    }
}
