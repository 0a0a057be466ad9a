//! How builds are handed out, and come back.

use std::time::Duration;

use chatmesh_core::Timestamp;
use chatmesh_db::{Db, DbError, Tx, values};
use tracing::warn;

use super::builds::{lock, only, touch, update};
use super::by_hand::take_over_token;
use super::retries::settle;
use super::rows::{Id, Number, Waiting};
use super::statements::templates::GET_VERSION_OF_BUILD;
use super::statements::{
    BEGIN_LEASE, CONSUMED, FIND_LEASABLE, GET_WORKSPACE, ISSUE_TOKEN, LIST_UNANSWERED, LOCK_BUILD, LOCK_QUOTA,
};
use super::unreadable::Readable;
use super::{Claim, Lease, Leased, LeasedAgent, StoreError, unreadable};
use crate::domain::{
    Build, BuildId, BuildStatus, EXTERNAL, Failure, Manifest, TemplateVersion, Transition, Workspace, check_budget,
};

/// How often a build is handed out that nobody ends.
const MAX_LEASES: u32 = 5;
/// How many builds are passed over at a time of which not even their rows can be read.
const MAX_UNREADABLE: usize = 100;

/// How long stops overtake a start.
const OVERTAKEN: Duration = Duration::from_secs(60);

/// Leases the build that is next.
pub(super) async fn lease(db: &Db, claim: &Claim) -> Result<Option<Lease>, DbError> {
    let kinds = format!(",{},", claim.kinds.join(","));
    let transitions: Vec<&str> = claim.transitions.iter().map(|transition| transition.as_str()).collect();
    let transitions = format!(",{},", transitions.join(","));
    let overtaken = claim.now - OVERTAKEN;
    for _ in 0..MAX_UNREADABLE {
        let mut tx = db.begin().await?;
        let next = values![claim.now, kinds.as_str(), transitions.as_str(), overtaken];
        let found = tx.fetch_optional::<Waiting>(FIND_LEASABLE, next).await?;
        let Some(waiting) = found else { return Ok(None) };
        let id = waiting.id;
        let error = match hand_out(tx, waiting, claim).await {
            Err(error @ DbError::Inconsistent { .. }) => error,
            handed_out => return handed_out,
        };
        if let Some(build) = unreadable::fail(db, id, &error, claim).await? {
            return Ok(Some(Lease::Refused(Box::new(build))));
        }
    }
    Ok(None)
}

async fn hand_out(mut tx: Tx, waiting: Waiting, claim: &Claim) -> Result<Option<Lease>, DbError> {
    let Waiting { id, kind, leases } = waiting;
    let Some(waiting) = tx.fetch_optional::<Build>(LOCK_BUILD, values![id.0]).await? else { return Ok(None) };
    let is_first = waiting.status == BuildStatus::Pending;
    let Some(mut build) = waiting.lease(&claim.holder, claim.expires_at, claim.now) else { return Ok(None) };

    let details = only(tx.fetch_all(GET_WORKSPACE, values![build.workspace_id.0]).await?);
    let details = details.ok_or_else(|| DbError::inconsistent("workspace_id", "the build has no workspace"))?;
    let workspace = details.workspace;
    if leases >= MAX_LEASES {
        build = build.refuse(never_ended(), claim.now);
    } else if is_first && build.transition == Transition::Start {
        build = match commit_cost(&mut tx, &build, &workspace, claim).await? {
            Ok(()) => Build { daily_cost: build.terms.daily_cost, ..build },
            Err(failure) => build.refuse(failure, claim.now),
        };
    }
    touch(&mut tx, workspace.id, false, claim.now).await?;
    if build.status.has_ended() {
        build = settle(&mut tx, build, !is_first, claim.now).await?;
    }
    update(&mut tx, &build).await?;
    if build.status.has_ended() {
        tx.commit().await?;
        return Ok(Some(Lease::Refused(Box::new(build))));
    }
    tx.execute(BEGIN_LEASE, values![build.id.0]).await?;
    let version = tx.fetch_optional::<TemplateVersion>(GET_VERSION_OF_BUILD, values![build.id.0]).await?;
    let (number, manifest) =
        version.map_or_else(|| (0, Manifest::default()), |found| (found.info.number, found.manifest));
    let agents = match build.transition {
        Transition::Start => issue_tokens(&mut tx, &build, &kind, &manifest, claim).await?,
        Transition::Stop | Transition::Delete => Vec::new(),
    };
    let settings = manifest.settings().map_err(|error| DbError::inconsistent("manifest", error))?;
    tx.commit().await?;
    let agent_id = agents.first().map(|agent| agent.id);
    let leased = Leased { build, workspace, kind, agent_id, agents, version: number, settings };
    Ok(Some(Lease::Granted(Box::new(leased))))
}

fn never_ended() -> Failure {
    Failure::other(format!(
        "it was given to a provisioner {MAX_LEASES} times, and each time that one went away before it said how the build \
         ended: ask an administrator to look at the log of the provisioner, then try again"
    ))
}

/// Takes the cost of the build from its owner's credits, where there are as many. This is the one place that says that
/// there are not: nobody who carries the build out is asked.
async fn commit_cost(
    tx: &mut Tx,
    build: &Build,
    workspace: &Workspace,
    claim: &Claim,
) -> Result<Result<(), Failure>, DbError> {
    let (owner, cost) = (workspace.owner_id, build.terms.daily_cost);
    let Some(budget) = claim.quota.budget(owner).filter(|_| cost > 0) else { return Ok(Ok(())) };
    // Two builds of one owner must not both take what is there for one.
    tx.execute(LOCK_QUOTA, values![owner.0, claim.now]).await?;
    let consumed = tx.fetch_optional::<Number>(CONSUMED, values![owner.0, workspace.id.0]).await?;
    Ok(check_budget(budget, consumed.map_or(0, |Number(consumed)| consumed), cost))
}

/// Gives the build's agents new tokens, and makes the agents where this is the first lease. Agents that the owner of the
/// workspace starts keep the tokens that the owner has.
async fn issue_tokens(
    tx: &mut Tx,
    build: &Build,
    kind: &str,
    manifest: &Manifest,
    claim: &Claim,
) -> Result<Vec<LeasedAgent>, DbError> {
    let wanted = manifest.agents();
    if wanted.len() > claim.agents.len() {
        return Err(DbError::inconsistent("manifest", "it has more agents than a build may have"));
    }
    let mut agents = Vec::with_capacity(wanted.len());
    for ((name, order, scripts), seed) in wanted.into_iter().zip(&claim.agents) {
        let scripts = serde_json::to_string(&scripts).map_err(|error| DbError::inconsistent("scripts", error))?;
        let workspace_id = build.workspace_id.0;
        let digest = match kind {
            EXTERNAL => take_over_token(tx, build, name, seed).await?,
            _ => seed.token_digest.clone(),
        };
        let row = values![seed.id.0, workspace_id, build.id.0, digest, claim.now, name, i64::from(order), scripts];
        let Id(id) = tx.fetch_optional::<Id>(ISSUE_TOKEN, row).await?.unwrap_or(Id(seed.id.0));
        agents.push(LeasedAgent { id: id.into(), name: name.to_owned() });
    }
    Ok(agents)
}

/// Extends a lease.
pub(super) async fn renew(db: &Db, build: BuildId, holder: &str, expires_at: Timestamp) -> Result<Build, StoreError> {
    let mut tx = db.begin().await?;
    let build = lock(&mut tx, build).await?.renew(holder, expires_at)?;
    update(&mut tx, &build).await?;
    tx.commit().await?;
    Ok(build)
}

/// Gives up builds that provisioners were asked to give up, and say nothing any more.
pub(super) async fn give_up(db: &Db, now: Timestamp, limit: u32) -> Result<Vec<Build>, DbError> {
    let found: Vec<Readable<Build>> = db.fetch_all(LIST_UNANSWERED, values![now, limit]).await?;
    let mut ended = Vec::with_capacity(found.len());
    // One transaction each: builds of several workspaces and owners are locked in no order.
    for build in unreadable::only_readable(found) {
        match give_up_one(db, build.id, now).await {
            Ok(given_up) => ended.extend(given_up),
            // What has ended is told of; the others are tried again.
            Err(error) if !ended.is_empty() => {
                warn!(%error, build = %build.id, "a build could not be given up, trying again later");
                break;
            }
            Err(error) => return Err(error),
        }
    }
    Ok(ended)
}

async fn give_up_one(db: &Db, build: BuildId, now: Timestamp) -> Result<Option<Build>, DbError> {
    let mut tx = db.begin().await?;
    let locked: Option<Build> = tx.fetch_optional(LOCK_BUILD, values![build.0]).await?;
    // Its provisioner may have said something meanwhile.
    let Some(build) = locked.and_then(|build| build.expire(now)) else { return Ok(None) };
    touch(&mut tx, build.workspace_id, false, now).await?;
    let build = settle(&mut tx, build, true, now).await?;
    update(&mut tx, &build).await?;
    tx.commit().await?;
    Ok(Some(build))
}
