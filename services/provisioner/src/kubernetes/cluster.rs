//! The cluster: how it is reached, and the few things that are asked of it.

mod unanswered;

use std::sync::Arc;
use std::time::Duration;

use chatmesh_core::Backoff;
use k8s_openapi::NamespaceResourceScope;
use kube::api::{Api, DeleteParams, Patch, PatchParams, PostParams};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Resource, ResourceExt as _};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::time::{Instant, sleep, sleep_until, timeout};

use super::error::{KubernetesError, failure, is_absent, is_passing};
use crate::config::KubernetesConfig;
use crate::failure::Failure;
use unanswered::Unanswered;

/// Who wrote what the cluster has of a workspace.
const MANAGER: &str = "chatmesh-provisioner";
/// How long one call may take.
const CALL_TIMEOUT: Duration = Duration::from_secs(20);
/// How long a call is made again that may succeed a little later.
const RETRY_FOR: Duration = Duration::from_secs(60);

/// What workspaces are made of.
pub(super) trait Part:
    Resource<DynamicType = (), Scope = NamespaceResourceScope>
    + Clone
    + std::fmt::Debug
    + Serialize
    + DeserializeOwned
    + Send
    + Sync
    + 'static
{
}

impl<K> Part for K where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope>
        + Clone
        + std::fmt::Debug
        + Serialize
        + DeserializeOwned
        + Send
        + Sync
        + 'static
{
}

/// A cluster that is reached.
#[derive(Clone)]
pub(super) struct Cluster {
    client: Client,
    /// Where workspaces are made if their template names no other place.
    pub(super) namespace: String,
    /// What was sent to make or change something.
    unanswered: Arc<Unanswered>,
}

impl std::fmt::Debug for Cluster {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Cluster").field("namespace", &self.namespace).finish_non_exhaustive()
    }
}

impl Cluster {
    /// Sets the client up; calls nobody yet.
    pub(super) async fn connect(config: &KubernetesConfig) -> Result<Self, KubernetesError> {
        let options = KubeConfigOptions { context: config.context.clone(), ..KubeConfigOptions::default() };
        let mut found = match &config.kubeconfig {
            Some(file) => {
                let file = file.clone();
                let read = tokio::task::spawn_blocking(move || Kubeconfig::read_from(file)).await;
                let kubeconfig = read
                    .map_err(|error| KubernetesError::config(&error))?
                    .map_err(|error| KubernetesError::config(&error))?;
                let found = kube::Config::from_custom_kubeconfig(kubeconfig, &options).await;
                found.map_err(|error| KubernetesError::config(&error))?
            }
            None if config.context.is_some() => {
                let found = kube::Config::from_kubeconfig(&options).await;
                found.map_err(|error| KubernetesError::config(&error))?
            }
            None => kube::Config::infer().await.map_err(|error| KubernetesError::config(&error))?,
        };
        found.connect_timeout = Some(CALL_TIMEOUT);
        let namespace = config.namespace.clone().unwrap_or_else(|| found.default_namespace.clone());
        let client = Client::try_from(found).map_err(|error| KubernetesError::config(&error))?;
        Ok(Self { client, namespace, unanswered: Arc::default() })
    }

    /// The same cluster for one build, which knows what of its own was not answered.
    pub(super) fn for_build(&self) -> Self {
        Self { unanswered: Arc::default(), ..self.clone() }
    }

    /// True where a call that makes something may have been carried out, or may still be, though nobody has said so: how a
    /// later one is answered says nothing of it.
    pub(super) fn is_in_doubt(&self) -> bool {
        self.unanswered.is_any()
    }

    pub(super) fn api<K: Part>(&self, namespace: &str) -> Api<K> {
        Api::namespaced(self.client.clone(), namespace)
    }

    /// Makes a part as it is described, or changes it into that.
    pub(super) async fn apply<K: Part>(&self, namespace: &str, part: &K) -> Result<K, Failure> {
        let (api, name) = (self.api::<K>(namespace), part.name_any());
        // The parts are ours alone: whoever changed what we say of them is overruled.
        let params = PatchParams::apply(MANAGER).force();
        let described = Patch::Apply(part);
        let made = with_retries(|| self.unanswered.unless_answered(api.patch(&name, &params, &described))).await;
        made.map_err(|error| failure(&format!("make the {} `{name}`", K::kind(&())), error))
    }

    /// Asks whether a part could be made, and makes nothing.
    pub(super) async fn check<K: Part>(&self, namespace: &str, part: &K) -> Result<(), Failure> {
        let api = self.api::<K>(namespace);
        let params = PostParams { dry_run: true, ..PostParams::default() };
        match with_retries(|| api.create(&params, part)).await {
            Err(kube::Error::Api(status)) if matches!(status.code, 400 | 422) => {
                Err(failure(&format!("make the {}", K::kind(&())), kube::Error::Api(status)))
            }
            // Whatever else it is, it may be gone when the part is made.
            _ => Ok(()),
        }
    }

    /// Finds a part.
    pub(super) async fn find<K: Part>(&self, namespace: &str, name: &str) -> Result<Option<K>, Failure> {
        let api = self.api::<K>(namespace);
        let found = with_retries(|| api.get_opt(name)).await;
        found.map_err(|error| failure(&format!("show the {} `{name}`", K::kind(&())), error))
    }

    /// Asks for a part's end, where it is still the one that `params` names. There may be none.
    pub(super) async fn delete<K: Part>(
        &self,
        namespace: &str,
        name: &str,
        params: &DeleteParams,
    ) -> Result<(), Failure> {
        let api = self.api::<K>(namespace);
        match with_retries(|| api.delete(name, params)).await {
            Ok(_) => Ok(()),
            Err(error) if is_absent(&error) => Ok(()),
            // Somebody has made it anew or changed it in between.
            Err(kube::Error::Api(status)) if status.code == 409 && params.preconditions.is_some() => Ok(()),
            Err(error) => Err(failure(&format!("delete the {} `{name}`", K::kind(&())), error)),
        }
    }

    /// Asks for a part's end and waits until it is gone.
    pub(super) async fn remove<K: Part>(&self, namespace: &str, name: &str, limit: Duration) -> Result<(), Failure> {
        let Some(part) = self.find::<K>(namespace, name).await? else { return Ok(()) };
        self.delete::<K>(namespace, name, &DeleteParams::default()).await?;
        self.until_gone(namespace, &part, limit).await
    }

    /// Waits until a part is gone that was asked to end.
    pub(super) async fn until_gone<K: Part>(&self, namespace: &str, part: &K, limit: Duration) -> Result<(), Failure> {
        let (name, until) = (part.name_any(), Instant::now() + limit);
        let mut backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(2));
        // Another of this name may be there by now.
        while self.find::<K>(namespace, &name).await?.is_some_and(|found| found.uid() == part.uid()) {
            if Instant::now() >= until {
                let what = format!("the {} `{name}`", K::kind(&()));
                return Err(KubernetesError::StillThere { what, seconds: limit.as_secs() }.into());
            }
            sleep(backoff.next_pause()).await;
        }
        Ok(())
    }
}

/// Makes a call, and makes it again for a while where that may help.
async fn with_retries<T, F>(call: impl Fn() -> F) -> Result<T, kube::Error>
where
    F: Future<Output = Result<T, kube::Error>>,
{
    let until = Instant::now() + RETRY_FOR;
    let mut backoff = Backoff::new(Duration::from_millis(200), Duration::from_secs(5));
    loop {
        let no_answer = || kube::Error::Service(format!("no answer in {} seconds", CALL_TIMEOUT.as_secs()).into());
        let error = match timeout(CALL_TIMEOUT, call()).await.unwrap_or_else(|_| Err(no_answer())) {
            Ok(done) => return Ok(done),
            Err(error) => error,
        };
        let next = Instant::now() + backoff.next_pause();
        if !is_passing(&error) || next >= until {
            return Err(error);
        }
        sleep_until(next).await;
    }
}
