use chatmesh_core::Violations;
use chatmesh_proto::provisioner::v1 as pb;
use chatmesh_rpc::Caller;

use super::lease_name::check_holder;
use crate::domain::BuildId;
use crate::state::State;
use crate::{Error, convert};

/// The most lines of a call.
const MAX_LINES: usize = 1000;
/// The highest number of a line.
const MAX_NUMBER: u64 = 1_000_000_000;

/// Adds lines to the log of a build. For provisioners.
pub(super) async fn append_job_logs(
    state: &State,
    caller: Caller,
    request: pb::AppendJobLogsRequest,
) -> Result<pb::AppendJobLogsResponse, Error> {
    let mut violations = Violations::new();
    check_holder(&request.provisioner_id, &mut violations);
    let build_id = violations.check("build_id", request.build_id.parse::<BuildId>());
    let fits = request.lines.len() <= MAX_LINES;
    violations.require(fits, "lines", format!("must be {MAX_LINES} at most: send the rest with the next call"));
    let wrong = request.lines.iter().position(|line| !(1..=MAX_NUMBER).contains(&line.number));
    if let Some(index) = wrong {
        violations.add(format!("lines[{index}].number"), format!("must be 1 to {MAX_NUMBER}"));
    }
    let build_id = violations.finish(build_id)?;
    caller.require_service()?;

    let lines = convert::build_lines(request.lines, state.clock.now());
    let appended = state.store.append_build_lines(build_id, &request.provisioner_id, lines).await;
    if appended.map_err(|error| Error::on_build(build_id, error))?.is_some() {
        state.hints.logged(build_id).await;
    }
    Ok(pb::AppendJobLogsResponse {})
}
