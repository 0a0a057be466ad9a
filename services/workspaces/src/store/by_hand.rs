//! Agents that the owners of workspaces start: their tokens, and with what they are started.

use std::collections::BTreeMap;

use chatmesh_core::Timestamp;
use chatmesh_db::{Db, DbError, Tx, values};

use super::builds::lock;
use super::rows::{Digest, Environment, Id};
use super::statements::by_hand::{FIND_EARLIER, GET_ENVIRONMENT, KEEP_ENVIRONMENT, REPLACE_TOKEN, SET_DIGEST};
use super::statements::{GET_AGENT, GET_WORKSPACE, LOCK_WORKSPACE};
use super::{AgentDetails, AgentSeed, StoreError, builds};
use crate::domain::{AgentId, Build, BuildId, WorkspaceStatus};

/// Writes down with what the agents of a build are started, for the holder of its lease.
pub(super) async fn keep_environment(
    db: &Db,
    build: BuildId,
    holder: &str,
    environment: &BTreeMap<String, String>,
) -> Result<(), StoreError> {
    let mut tx = db.begin().await?;
    lock(&mut tx, build).await?.check_holder(holder)?;
    let json = serde_json::to_string(environment).map_err(|error| DbError::inconsistent("agent_environment", error))?;
    tx.execute(KEEP_ENVIRONMENT, values![build.0, json]).await?;
    tx.commit().await?;
    Ok(())
}

/// Gives an agent of a workspace that runs another token, and returns with what the agent is started; `None` where its
/// build did not say. [`StoreError::NotFound`] where the workspace runs and the agent is none of its latest build's.
pub(super) async fn replace_token(
    db: &Db,
    agent: AgentId,
    digest: &[u8],
    now: Timestamp,
) -> Result<Option<BTreeMap<String, String>>, StoreError> {
    let mut tx = db.begin().await?;
    let found = tx.fetch_optional::<AgentDetails>(GET_AGENT, values![agent.0]).await?.ok_or(StoreError::NotFound)?;
    let workspace = found.agent.workspace_id;
    // Until the end nobody takes up another build, which would take the token over.
    let locked = tx.fetch_optional::<Id>(LOCK_WORKSPACE, values![workspace.0]).await?;
    locked.ok_or(StoreError::NotFound)?;
    let details = builds::only(tx.fetch_all(GET_WORKSPACE, values![workspace.0]).await?).ok_or(StoreError::NotFound)?;
    match details.status() {
        WorkspaceStatus::Running if details.build.id == found.agent.build_id => {}
        WorkspaceStatus::Running => return Err(StoreError::NotFound),
        _ => return Err(StoreError::NotRunning(Box::new(details))),
    }
    let kept = tx.fetch_optional::<Environment>(GET_ENVIRONMENT, values![details.build.id.0]).await?;
    let Some(json) = kept.map(|Environment(json)| json).filter(|json| !json.is_empty()) else { return Ok(None) };
    let environment = serde_json::from_str(&json).map_err(|error| DbError::inconsistent("agent_environment", error))?;
    tx.execute(REPLACE_TOKEN, values![agent.0, digest.to_vec(), now]).await?;
    tx.commit().await?;
    Ok(Some(environment))
}

/// The digest with which an agent of a build is inserted whose owner starts it: that of the token which the owner has. The
/// agent that had it before gets the one of `seed`, which nobody has.
pub(super) async fn take_over_token(
    tx: &mut Tx,
    build: &Build,
    name: &str,
    seed: &AgentSeed,
) -> Result<Vec<u8>, DbError> {
    let earlier = tx.fetch_optional::<Digest>(FIND_EARLIER, values![build.workspace_id.0, name]).await?;
    let Some(Digest(id, digest)) = earlier else { return Ok(seed.token_digest.clone()) };
    // Where the build was leased before, that is its own agent, which gets its digest back.
    tx.execute(SET_DIGEST, values![id, seed.token_digest.clone()]).await?;
    Ok(digest)
}
