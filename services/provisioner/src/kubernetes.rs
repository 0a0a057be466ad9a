//! The kind `kubernetes`: a workspace is a Pod with a volume.
//!
//! The cluster keeps everything, so any provisioner carries on what another has begun: all parts of a workspace have
//! names that follow from its identifier, and are *applied* rather than made, which comes to the same however often it
//! is done.
//!
//! The provisioner needs a role in each of its namespaces: to get, list, watch, create, patch and delete `pods`; to get,
//! create, patch and delete `secrets`, `persistentvolumeclaims` and `networkpolicies`; to list and watch `events`.

mod cluster;
mod error;
mod follow;
mod objects;
mod plan;
mod settings;
#[cfg(test)]
mod tests;
mod undo;
mod verdict;

use std::time::Duration;

use async_trait::async_trait;
use k8s_openapi::api::core::v1::{PersistentVolumeClaim, Pod, Secret};
use k8s_openapi::api::networking::v1::NetworkPolicy;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use kube::api::DeleteParams;
use kube::{Resource as _, ResourceExt as _};
use tokio::sync::OnceCell;
use tokio::time::{Instant, timeout_at};

use crate::backend::{Backend, Run};
use crate::config::{Config, MAX_START};
use crate::failure::Failure;
use crate::job::{Job, JobAgent, WorkspaceId};
use crate::slot::WORK_TIMEOUT;
use cluster::Cluster;
pub(crate) use error::KubernetesError;
use plan::{LEASE_LABEL, Plan, lease_of, name_of};
use settings::{Settings, Storage};
use undo::{LOOK, UNDO};

/// The name of this part in the log of a build.
const STAGE: &str = "workspace";
/// How long a Pod may take to be gone beyond the time that its agent has.
const REMOVAL: Duration = Duration::from_secs(45);
/// A Pod that is not there in time says more about it than that, so it is listened to first.
const LATE: Duration = Duration::from_secs(2);
// A build that is cut off undoes nothing: the longest start that is allowed has to leave room for it.
const LONGEST: u64 = MAX_START.as_secs() + LATE.as_secs() + UNDO.as_secs() + LOOK.as_secs();
const _: () = assert!(LONGEST < WORK_TIMEOUT.as_secs());

/// Workspaces in a cluster.
#[derive(Debug)]
pub(crate) struct Kubernetes {
    config: Config,
    cluster: OnceCell<Cluster>,
}

impl Kubernetes {
    pub(crate) fn new(config: Config) -> Self {
        Self { config, cluster: OnceCell::new() }
    }

    /// The cluster. One that can not be found is looked for again by the next build.
    async fn cluster(&self) -> Result<&Cluster, Failure> {
        Ok(self.cluster.get_or_try_init(|| Cluster::connect(&self.config.kubernetes)).await?)
    }

    /// Everything took too long.
    fn late(&self) -> Failure {
        let seconds = self.config.kubernetes.start_timeout.as_secs();
        let state = "the cluster is slow, or what ran before does not end".to_owned();
        KubernetesError::NotInTime { seconds, state }.into()
    }

    /// Where a workspace is made.
    fn namespace(&self, settings: &Settings, cluster: &Cluster) -> Result<String, Failure> {
        match &settings.namespace {
            Some(namespace) if !self.namespaces(cluster).contains(namespace) => Err(Failure::InvalidTemplate(format!(
                "the namespace `{namespace}` is not allowed: add it to provisioner.kubernetes.allowed_namespaces, or"
            ))),
            Some(namespace) => Ok(namespace.clone()),
            None => Ok(cluster.namespace.clone()),
        }
    }

    /// Where there may be parts of a workspace: a template may have named another place when it was started.
    fn namespaces(&self, cluster: &Cluster) -> Vec<String> {
        let mut namespaces = vec![cluster.namespace.clone()];
        let allowed = self.config.kubernetes.allowed_namespaces.iter();
        namespaces.extend(allowed.filter(|namespace| **namespace != cluster.namespace).cloned());
        namespaces
    }

    async fn authorities(&self) -> Result<Option<String>, Failure> {
        let Some(path) = &self.config.agent_ca_file else { return Ok(None) };
        let read = tokio::fs::read_to_string(path).await;
        Ok(Some(read.map_err(|source| KubernetesError::Authorities { path: path.clone(), source })?))
    }

    /// Makes the workspace and waits until its agents run.
    async fn make(&self, cluster: &Cluster, plan: &Plan<'_>, run: &Run, until: Instant) -> Result<(), Failure> {
        let namespace = &plan.namespace;
        self.end_other_pods(cluster, plan, run).await?;
        run.log.info(STAGE, format!("making the workspace in the namespace `{namespace}`"));
        let secret = cluster.apply(namespace, &objects::secret(plan)).await?;
        let owner = owner(&secret);
        // Before the Pod, so that there is no moment without it.
        cluster.apply(namespace, &objects::network_policy(plan, &owner)).await?;
        if let Some(storage) = &plan.settings.storage {
            make_volume(cluster, plan, storage, run).await?;
        }
        run.check()?;
        let pod = cluster.apply(namespace, &objects::pod(plan, Some(&owner))).await?;
        run.log.info(STAGE, "waiting for the Pod");
        Box::pin(follow::follow(cluster, namespace, &pod, run, &self.config.kubernetes, until)).await
    }

    /// Ends the Pods of earlier builds, and of this one where another lease has made it: they have other tokens.
    async fn end_other_pods(&self, cluster: &Cluster, plan: &Plan<'_>, run: &Run) -> Result<(), Failure> {
        for namespace in self.namespaces(cluster) {
            let Some(pod) = cluster.find::<Pod>(&namespace, &plan.name).await? else { continue };
            let is_ours = pod.labels().get(LEASE_LABEL) == Some(&plan.lease);
            if namespace == plan.namespace && is_ours && pod.metadata.deletion_timestamp.is_none() {
                continue;
            }
            run.log.info(STAGE, "ending the Pod that runs");
            let limit = self.config.stop_grace + REMOVAL;
            run.unless_canceled(cluster.remove::<Pod>(&namespace, &plan.name, limit)).await??;
        }
        Ok(())
    }

    /// Removes everything but the files.
    async fn end(&self, cluster: &Cluster, id: WorkspaceId, run: &Run) -> Result<(), Failure> {
        let name = name_of(id);
        for namespace in self.namespaces(cluster) {
            run.log.info(STAGE, format!("ending what runs in the namespace `{namespace}`"));
            cluster.remove::<Pod>(&namespace, &name, self.config.stop_grace + REMOVAL).await?;
            remove_what_is_owned(cluster, &namespace, &name).await?;
        }
        Ok(())
    }
}

#[async_trait]
impl Backend for Kubernetes {
    async fn start(&self, job: &Job, agents: &[JobAgent], run: &Run) -> Result<(), Failure> {
        let settings = Settings::read(&job.settings)?;
        if settings.is_restricted() && self.config.kubernetes.relay_egress.is_empty() {
            return Err(KubernetesError::NoRelayEgress.into());
        }
        let until = Instant::now() + self.config.kubernetes.start_timeout;
        let cluster = timeout_at(until, self.cluster()).await.unwrap_or_else(|_| Err(self.late()))?;
        let cluster = &cluster.for_build();
        let plan = Plan {
            name: name_of(job.workspace_id),
            namespace: self.namespace(&settings, cluster)?,
            job,
            agents,
            lease: lease_of(agents),
            settings: &settings,
            config: &self.config,
            authorities: self.authorities().await?,
        };
        // Under a name of its own: a Pod that is there can not be changed.
        let mut draft = objects::pod(&plan, None);
        draft.metadata.name = Some(format!("{}-check", plan.name));
        let check = timeout_at(until, cluster.check(&plan.namespace, &draft));
        run.unless_canceled(check).await?.unwrap_or_else(|_| Err(self.late()))?;

        let made = timeout_at(until + LATE, Box::pin(self.make(cluster, &plan, run, until))).await;
        let failure = match made.unwrap_or_else(|_| Err(self.late())) {
            Ok(()) => {
                for agent in agents {
                    run.log.info(STAGE, format!("the agent `{}` runs", agent.name));
                }
                return Ok(());
            }
            Err(failure) => failure,
        };
        // Whoever has deleted the Pod may be about to make another.
        let is_deleted = matches!(failure, Failure::Kubernetes(KubernetesError::Deleted));
        let is_in_doubt = is_deleted || cluster.is_in_doubt();
        Err(failure.leaving(self.give_back(cluster, &plan, run, is_in_doubt).await))
    }

    async fn stop(&self, job: &Job, run: &Run) -> Result<(), Failure> {
        let cluster = self.cluster().await?;
        self.end(cluster, job.workspace_id, run).await?;
        run.log.info(STAGE, "the workspace is stopped; its volume stays");
        Ok(())
    }

    async fn delete(&self, job: &Job, run: &Run) -> Result<(), Failure> {
        let cluster = self.cluster().await?;
        self.end(cluster, job.workspace_id, run).await?;
        run.log.info(STAGE, "deleting the workspace's volume");
        for namespace in self.namespaces(cluster) {
            cluster.remove::<PersistentVolumeClaim>(&namespace, &name_of(job.workspace_id), REMOVAL).await?;
        }
        Ok(())
    }

    async fn runs_nothing(&self, job: &Job) -> bool {
        self.has_no_pod(job.workspace_id).await
    }
}

/// Makes the volume, or lets it grow. One that can not be changed stays as it is: the files count more.
async fn make_volume(cluster: &Cluster, plan: &Plan<'_>, storage: &Storage, run: &Run) -> Result<(), Failure> {
    let (namespace, mut claim) = (&plan.namespace, objects::claim(plan, storage));
    let found = cluster.find::<PersistentVolumeClaim>(namespace, &plan.name).await?;
    if let Some(spec) = found.as_ref().and_then(|found| found.spec.as_ref()) {
        // Only the size may change; the cluster refuses everything else.
        let size = claim.spec.take().and_then(|claim| claim.resources);
        claim.spec = Some(k8s_openapi::api::core::v1::PersistentVolumeClaimSpec { resources: size, ..spec.clone() });
    }
    match cluster.apply(namespace, &claim).await {
        Err(failure) if found.is_some() => {
            run.log.error(STAGE, format!("the volume stays as it is: {failure}"));
            Ok(())
        }
        applied => applied.map(drop),
    }
}

/// The Secret goes last: the cluster removes what it owns with it, where we do not get that far.
async fn remove_what_is_owned(cluster: &Cluster, namespace: &str, name: &str) -> Result<(), Failure> {
    cluster.delete::<NetworkPolicy>(namespace, name, &DeleteParams::default()).await?;
    cluster.delete::<Secret>(namespace, name, &DeleteParams::default()).await
}

/// The Secret as the owner of what goes with it.
fn owner(secret: &Secret) -> OwnerReference {
    OwnerReference {
        api_version: Secret::api_version(&()).into_owned(),
        kind: Secret::kind(&()).into_owned(),
        name: secret.name_any(),
        uid: secret.uid().unwrap_or_default(),
        block_owner_deletion: None,
        controller: None,
    }
}
