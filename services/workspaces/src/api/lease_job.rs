use std::sync::Arc;
use std::time::Duration;

use chatmesh_core::{ExposeSecret as _, Violations};
use chatmesh_proto::provisioner::v1 as pb;
use chatmesh_rpc::Caller;
use tokio::time::{Instant, sleep_until};

use super::lease_name::check_holder;
use crate::Error;
use crate::convert::transition;
use crate::domain::{AgentId, AgentToken, LEASE, MAX_AGENTS, Transition, is_name};
use crate::state::State;
use crate::store::{AgentSeed, Claim, Lease, Leased};

/// How long to wait for a build. A caller with a shorter deadline is cut off by the server's layers.
const MAX_WAIT: Duration = Duration::from_secs(30);
/// The most kinds that one provisioner carries out.
const MAX_KINDS: usize = 16;

/// Leases the oldest waiting build; waits for one. For provisioners.
pub(super) async fn lease_job(
    state: &State,
    caller: Caller,
    request: pb::LeaseJobRequest,
) -> Result<pb::LeaseJobResponse, Error> {
    let transitions = check(&request)?;
    caller.require_service()?;

    let until = Instant::now() + MAX_WAIT;
    // Watch before looking: a build that comes in between is then not missed.
    let mut watch = state.hints.watch_builds().await;
    loop {
        if let Some(job) = try_lease(state, &request, &transitions).await? {
            return Ok(pb::LeaseJobResponse { job: Some(job) });
        }
        tokio::select! {
            () = watch.wake() => {}
            () = sleep_until(until) => return Ok(pb::LeaseJobResponse { job: None }),
            () = state.tasks.shutdown().soft().cancelled() => return Ok(pb::LeaseJobResponse { job: None }),
        }
    }
}

/// Returns what the provisioner does to workspaces.
fn check(request: &pb::LeaseJobRequest) -> Result<Vec<Transition>, Violations> {
    let mut violations = Violations::new();
    check_holder(&request.provisioner_id, &mut violations);
    let fits = (1..=MAX_KINDS).contains(&request.provisioners.len());
    violations.require(fits, "provisioners", "must name 1 to 16 kinds, like `local`");
    for (index, kind) in request.provisioners.iter().enumerate() {
        let field = format!("provisioners[{index}]");
        violations.require(is_name(kind), field, "must be 1 to 32 lower-case letters, digits or `-`");
    }
    let known: Option<Vec<Transition>> = request.transitions().map(transition).collect();
    let message = "must be JOB_TRANSITION_START, JOB_TRANSITION_STOP or JOB_TRANSITION_DELETE";
    violations.require(known.is_some(), "transitions", message);
    // A provisioner of an older release says nothing.
    let all = || Transition::ALL.to_vec();
    violations.finish(known.map(|known| if known.is_empty() { all() } else { known }))
}

async fn try_lease(
    state: &State,
    request: &pb::LeaseJobRequest,
    transitions: &[Transition],
) -> Result<Option<pb::Job>, Error> {
    loop {
        let tokens: Vec<AgentToken> = std::iter::repeat_with(AgentToken::generate).take(MAX_AGENTS).collect();
        let seed = |token: &AgentToken| AgentSeed { id: AgentId(state.ids.next()), token_digest: token.digest() };
        let now = state.clock.now();
        let claim = Claim {
            holder: request.provisioner_id.clone(),
            kinds: request.provisioners.clone(),
            transitions: transitions.to_vec(),
            now,
            expires_at: now + LEASE,
            agents: tokens.iter().map(seed).collect(),
            quota: Arc::clone(&state.quota),
        };
        match state.store.lease_build(&claim).await? {
            None => return Ok(None),
            Some(Lease::Granted(leased)) => {
                state.hints.changed(leased.workspace.id).await;
                return Ok(Some(job(*leased, &tokens)));
            }
            // The one who asked gets the next one.
            Some(Lease::Refused(build)) => state.hints.build_changed(&build).await,
        }
    }
}

fn job(leased: Leased, tokens: &[AgentToken]) -> pb::Job {
    let Leased { build, workspace, kind, agents, version, settings, .. } = leased;
    let agents = agents.into_iter().zip(tokens).map(|(agent, token)| pb::JobAgent {
        name: agent.name,
        id: agent.id.to_string(),
        token: token.secret().expose_secret().to_owned(),
    });
    let agents: Vec<pb::JobAgent> = agents.collect();
    let first = agents.first().cloned().unwrap_or_default();
    pb::Job {
        build_id: build.id.to_string(),
        workspace_id: workspace.id.to_string(),
        workspace_name: workspace.name,
        owner_id: workspace.owner_id.to_string(),
        transition: pb::JobTransition::from(build.transition).into(),
        provisioner: kind,
        agent_id: first.id,
        agent_token: first.token,
        lease_expire_time: build.lease_expires_at.map(Into::into),
        template: workspace.template,
        template_version: version,
        parameters: build.recipe.parameters.into_iter().collect(),
        settings,
        agents,
    }
}
