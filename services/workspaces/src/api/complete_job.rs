use std::collections::{BTreeMap, HashMap};

use chatmesh_core::Violations;
use chatmesh_proto::provisioner::v1 as pb;
use chatmesh_rpc::Caller;

use super::lease_name;
use crate::Error;
use crate::domain::Outcome;
use crate::state::State;
use crate::store::StoreError;

/// The most variables of agents.
const MAX_VARIABLES: usize = 1000;
/// The most bytes of all of them together.
const MAX_BYTES: usize = 1024 * 1024;

/// Ends a build well. For provisioners.
pub(super) async fn complete_job(
    state: &State,
    caller: Caller,
    request: pb::CompleteJobRequest,
) -> Result<pb::CompleteJobResponse, Error> {
    let build_id = lease_name::parse(&request.provisioner_id, &request.build_id)?;
    let environment = agent_environment(request.agent_environment)?;
    caller.require_service()?;

    if !environment.is_empty() {
        let kept = state.store.keep_agent_environment(build_id, &request.provisioner_id, &environment).await;
        match kept {
            // The call is made again whose answer was lost: its end is told below.
            Err(StoreError::LeaseLost) | Ok(()) => {}
            Err(error) => return Err(Error::on_build(build_id, error)),
        }
    }
    let now = state.clock.now();
    let ended = state.store.end_build(build_id, &request.provisioner_id, Outcome::Succeeded, now).await;
    let build = ended.map_err(|error| Error::on_build(build_id, error))?;
    state.hints.build_changed(&build).await;
    Ok(pb::CompleteJobResponse {})
}

/// Checks what is to be written into a line for a shell.
fn agent_environment(variables: HashMap<String, String>) -> Result<BTreeMap<String, String>, Violations> {
    let bytes: usize = variables.iter().map(|(name, value)| name.len() + value.len()).sum();
    let few = variables.len() <= MAX_VARIABLES && bytes <= MAX_BYTES;
    let mut violations = Violations::new();
    violations.require(few, "agent_environment", "must be 1000 variables at most, of 1 MiB in all");
    let is_fine = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
    let is_name = |name: &str| name.starts_with(|c: char| c.is_ascii_uppercase()) && name.chars().all(is_fine);
    let fits = variables.iter().all(|(name, value)| is_name(name) && !value.contains('\0'));
    let demands = "must have names of upper-case letters, digits and `_`, and values without NUL";
    violations.require(fits, "agent_environment", demands);
    violations.finish(Some(variables.into_iter().collect()))
}
