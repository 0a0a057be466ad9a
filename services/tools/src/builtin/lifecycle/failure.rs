//! Why a workspace is not as it was asked for: a sentence, or a failure with fields.

use chatmesh_rpc::Code;
use serde::Serialize;
use tonic::Status;
use tonic_types::StatusExt as _;

/// What a tool has to say in place of its result.
#[derive(Debug)]
pub(super) enum Trouble {
    /// The call could not be carried out.
    Flat(String),
    /// It was carried out, and failed.
    Failed(Box<ToolFailure>),
}

/// A failure with all that helps a model, or a program, to do better.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub(super) struct ToolFailure {
    /// What went wrong.
    pub(super) error: String,
    /// What kind of failure it is, where programs should tell.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) error_code: Option<String>,
    /// A few words for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) title: Option<String>,
    /// What to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) message: Option<String>,
    /// What the error came of, in the words of whoever found it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) detail: Option<String>,
    /// What is wrong with which value.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) validations: Vec<Validation>,
    /// The template whose values are wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) template_id: Option<String>,
    /// The build that failed: its log can be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) build_id: Option<String>,
    /// What the user's workspaces take of what there is for them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) quota: Option<Quota>,
}

/// What is wrong with a value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Validation {
    pub(super) field: String,
    pub(super) detail: String,
}

/// Credits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(super) struct Quota {
    pub(super) credits_consumed: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) budget: Option<u32>,
}

impl ToolFailure {
    /// What `workspaces` said, with its violations.
    pub(super) fn of(status: &Status) -> Self {
        let violations = status.get_details_bad_request().map(|details| details.field_violations).unwrap_or_default();
        let validations =
            violations.into_iter().map(|one| Validation { field: one.field, detail: one.description }).collect();
        Self { error: status.message().to_owned(), error_code: reason(status), validations, ..Self::default() }
    }
}

impl Trouble {
    /// What `workspaces` said, or that it said nothing.
    pub(super) fn of(status: &Status) -> Self {
        if is_answer(status.code()) {
            return ToolFailure::of(status).into();
        }
        Self::Flat(format!(
            "the workspaces of the mesh cannot be asked ({}): try again in a while; if that fails too, tell the user",
            status.message()
        ))
    }
}

impl From<String> for Trouble {
    fn from(error: String) -> Self {
        Self::Flat(error)
    }
}

impl From<ToolFailure> for Trouble {
    fn from(failure: ToolFailure) -> Self {
        Self::Failed(Box::new(failure))
    }
}

/// The word that names the condition.
pub(super) fn reason(status: &Status) -> Option<String> {
    status.get_details_error_info().map(|info| info.reason)
}

/// True where the condition has this name.
pub(super) fn is(status: &Status, expected: &str) -> bool {
    reason(status).as_deref() == Some(expected)
}

/// True where somebody understood the question and said no.
fn is_answer(code: Code) -> bool {
    matches!(
        code,
        Code::InvalidArgument
            | Code::NotFound
            | Code::AlreadyExists
            | Code::PermissionDenied
            | Code::FailedPrecondition
            | Code::ResourceExhausted
            | Code::Aborted
            | Code::OutOfRange
    )
}

#[cfg(test)]
mod tests {
    use chatmesh_rpc::status_with_reason;
    use serde_json::json;
    use tonic_types::ErrorDetails;

    use super::*;

    #[test]
    fn what_is_wrong_with_which_value_reaches_the_model() {
        let mut details = ErrorDetails::new();
        details.set_error_info(
            "INVALID_PARAMETERS",
            "chatmesh.workspaces.v1",
            std::collections::HashMap::<String, String>::new(),
        );
        details.add_bad_request_violation("parameters.size", "must be 8 at most");
        let status = Status::with_error_details(Code::InvalidArgument, "what was chosen does not fit", details);
        let Trouble::Failed(failure) = Trouble::of(&status) else { panic!("flat") };
        let expected = json!({
            "error": "what was chosen does not fit",
            "error_code": "INVALID_PARAMETERS",
            "validations": [{"field": "parameters.size", "detail": "must be 8 at most"}],
        });
        assert_eq!(serde_json::to_value(&failure).expect("JSON"), expected);
    }

    #[test]
    fn no_answer_is_no_failure_of_the_workspace() {
        for code in [Code::Unavailable, Code::DeadlineExceeded, Code::Internal, Code::Unknown, Code::Unauthenticated] {
            let trouble = Trouble::of(&status_with_reason(code, "ANY", "d", "it is away"));
            assert!(matches!(&trouble, Trouble::Flat(text) if text.contains("it is away")), "{code:?}: {trouble:?}");
        }
    }
}
