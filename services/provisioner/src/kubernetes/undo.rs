//! Undoes a start that failed, and makes sure that it is undone.

use std::time::Duration;

use k8s_openapi::api::core::v1::{Pod, Secret};
use k8s_openapi::api::networking::v1::NetworkPolicy;
use kube::ResourceExt as _;
use kube::api::{DeleteParams, Preconditions};
use tokio::time::timeout;
use tracing::warn;

use super::cluster::{Cluster, Part};
use super::error::KubernetesError;
use super::plan::{LEASE_LABEL, Plan};
use super::{Kubernetes, STAGE};
use crate::backend::Run;
use crate::failure::{Failure, Left};
use crate::job::WorkspaceId;

/// How long undoing a start may take, with calls that are made again where that may help.
pub(super) const UNDO: Duration = Duration::from_secs(30);
/// How long a Pod may take to be gone: its containers have their grace, and the node has to say so.
const GONE: Duration = Duration::from_secs(25);
/// How long it may take to find out whether anything runs.
pub(super) const LOOK: Duration = Duration::from_secs(10);
/// How long an agent may take to end that was just started, in seconds.
const UNDO_GRACE: u32 = 5;

impl Kubernetes {
    /// Undoes a start and says what is left. `is_in_doubt` says that a call was not answered: it may be carried out even
    /// now, so that nothing is sure however much is removed.
    pub(super) async fn give_back(&self, cluster: &Cluster, plan: &Plan<'_>, run: &Run, is_in_doubt: bool) -> Left {
        run.log.info(STAGE, "removing what was made; files stay");
        let undone = timeout(UNDO, self.undo(cluster, plan)).await;
        let undone = undone.unwrap_or_else(|_| Err(KubernetesError::NotUndone { seconds: UNDO.as_secs() }.into()));
        if let Err(error) = &undone {
            warn!(workspace_id = %plan.job.workspace_id, %error, "start not undone");
            run.log.error(STAGE, format!("not all of it is removed, which stopping the workspace will do: {error}"));
        }
        Left { not_undone: is_in_doubt || undone.is_err(), ..Left::default() }
    }

    /// Removes what a start has made except for the files. Another provisioner may have the build by now, and gives the
    /// same names to what it makes: that stays.
    pub(super) async fn undo(&self, cluster: &Cluster, plan: &Plan<'_>) -> Result<(), Failure> {
        let soon = DeleteParams { grace_period_seconds: Some(UNDO_GRACE), ..DeleteParams::default() };
        // The cluster changes the state of a Pod all the time, and nobody but us the rest.
        if let Some(pod) = remove_ours::<Pod>(cluster, plan, soon, false).await? {
            // Until it is gone, it keeps what restricts its network.
            cluster.until_gone(&plan.namespace, &pod, GONE).await?;
        }
        remove_ours::<NetworkPolicy>(cluster, plan, DeleteParams::default(), true).await?;
        remove_ours::<Secret>(cluster, plan, DeleteParams::default(), true).await.map(drop)
    }

    /// True where the cluster has no Pod of the workspace, for sure.
    pub(super) async fn has_no_pod(&self, id: WorkspaceId) -> bool {
        let look = async {
            let cluster = self.cluster().await?;
            for namespace in self.namespaces(cluster) {
                if cluster.find::<Pod>(&namespace, &super::name_of(id)).await?.is_some() {
                    return Ok(false);
                }
            }
            Ok::<_, Failure>(true)
        };
        matches!(timeout(LOOK, look).await, Ok(Ok(true)))
    }
}

/// Asks for the end of a part that this lease has made, where it is still the same one; as it is, where it `is_constant`.
/// Returns which one it was.
async fn remove_ours<K: Part>(
    cluster: &Cluster,
    plan: &Plan<'_>,
    params: DeleteParams,
    is_constant: bool,
) -> Result<Option<K>, Failure> {
    let found = cluster.find::<K>(&plan.namespace, &plan.name).await?;
    let Some(ours) = found.filter(|part| part.labels().get(LEASE_LABEL) == Some(&plan.lease)) else { return Ok(None) };
    let resource_version = ours.resource_version().filter(|_| is_constant);
    let params = params.preconditions(Preconditions { uid: ours.uid(), resource_version });
    cluster.delete::<K>(&plan.namespace, &plan.name, &params).await?;
    Ok(Some(ours))
}
