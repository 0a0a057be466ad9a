use std::collections::HashSet;

use chatmesh_core::Violations;
use chatmesh_proto::chat::v1 as pb;
use chatmesh_rpc::Caller;

use super::find_own_chat;
use crate::Error;
use crate::convert::visible;
use crate::domain::ChatId;
use crate::state::State;
use crate::store::ClientResult;

/// The longest result of a tool of the client, in bytes.
const MAX_OUTPUT_BYTES: usize = 256 * 1024;

/// The most results of a request: more calls than a model makes in one step.
const MAX_RESULTS: usize = 1024;

/// Hands in the results of the client's tools.
pub(super) async fn submit_tool_results(
    state: &State,
    caller: Caller,
    request: pb::SubmitToolResultsRequest,
) -> Result<pb::SubmitToolResultsResponse, Error> {
    let mut violations = Violations::new();
    let id = violations.check("chat_id", request.chat_id.parse::<ChatId>());
    let results = check_results(request.results, &mut violations);
    let id = violations.finish(id)?;
    find_own_chat(state, &caller, id).await?;

    let submitted = state.store.submit_tool_results(id, results, state.clock.now()).await;
    let (chat, messages) = submitted.map_err(|error| Error::on(id, error))?;
    state.hints.status_changed(&chat).await;
    Ok(pb::SubmitToolResultsResponse { chat: Some(chat.into()), messages: visible(messages) })
}

fn check_results(results: Vec<pb::ClientToolResult>, violations: &mut Violations) -> Vec<ClientResult> {
    violations.require(!results.is_empty(), "results", "must have a result for each open call");
    violations.require(results.len() <= MAX_RESULTS, "results", format!("must be at most {MAX_RESULTS}"));
    let mut seen = HashSet::new();
    for (index, result) in results.iter().enumerate().take(MAX_RESULTS) {
        let named = !result.call_id.is_empty();
        violations.require(named, format!("results[{index}].call_id"), "must be that of an open call");
        let fresh = seen.insert(result.call_id.as_str());
        violations.require(fresh, format!("results[{index}].call_id"), "must not be given twice");
        let field = format!("results[{index}].output");
        if result.output.len() > MAX_OUTPUT_BYTES {
            violations.add(field, format!("is too long: at most {MAX_OUTPUT_BYTES} bytes"));
        } else if let Err(error) = serde_json::from_str::<serde::de::IgnoredAny>(&result.output) {
            violations.add(field, format!("must be JSON as text: {error}"));
        }
    }
    let results = results.into_iter();
    results
        .map(|result| ClientResult { call_id: result.call_id, output: result.output, is_error: result.is_error })
        .collect()
}
