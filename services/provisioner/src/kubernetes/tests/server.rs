//! An API server that speaks what the provisioner uses, over a real socket: server-side apply, dry runs, reading,
//! listing, watching, graceful deletion, owners, and failures on demand. Its *kubelet* does at once what it is told to.

mod http;
mod kubelet;
mod objects;

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use serde_json::Value;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub(super) use kubelet::Kubelet;
pub(super) use objects::Key;

/// A cluster.
#[derive(Debug, Clone)]
pub(super) struct Server {
    pub(super) address: String,
    pub(super) state: Arc<State>,
    /// Ends it with its last clone.
    _stop: Arc<tokio_util::sync::DropGuard>,
}

#[derive(Debug)]
pub(super) struct State {
    inner: Mutex<Inner>,
    changed: watch::Sender<u64>,
}

#[derive(Debug, Default)]
struct Inner {
    version: u64,
    objects: BTreeMap<Key, Value>,
    /// What happened, for those who watch: the kind of change, and what it was made to.
    history: Vec<(u64, &'static str, Key, Value)>,
    /// How often what ends is seen before it is gone.
    ending: BTreeMap<Key, u32>,
    kubelet: Kubelet,
    held: HashSet<String>,
    /// The tokens that the containers of each Pod have read, by its uid and by their names.
    tokens: BTreeMap<String, BTreeMap<String, String>>,
    faults: Vec<Fault>,
    requests: Vec<String>,
}

/// The code of an answer that is lost on its way.
pub(super) const LOST: u16 = 0;

/// A failure on demand.
#[derive(Debug, Clone)]
pub(super) struct Fault {
    /// What fails, like `PATCH pods`.
    pub(super) call: &'static str,
    /// What is answered; [`LOST`] for nothing, and the connection ends.
    pub(super) code: u16,
    pub(super) message: &'static str,
    /// How often.
    pub(super) times: u32,
}

impl Server {
    pub(super) async fn start() -> Self {
        let state = Arc::new(State { inner: Mutex::default(), changed: watch::Sender::new(0) });
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = format!("http://{}", listener.local_addr().expect("an address"));
        let stop = CancellationToken::new();
        let (router, stopped) = (http::router(Arc::clone(&state)), stop.clone());
        TaskTracker::new().spawn(async move {
            tokio::select! {
                served = async { axum::serve(listener, router).await } => served.expect("served"),
                () = stopped.cancelled() => {}
            }
        });
        Self { address, state, _stop: Arc::new(stop.drop_guard()) }
    }

    pub(super) fn fails(&self, fault: Fault) {
        self.state.inner.lock().faults.push(fault);
    }

    /// What becomes of Pods that are made from now on.
    pub(super) fn kubelet(&self, kubelet: Kubelet) {
        self.state.inner.lock().kubelet = kubelet;
    }

    /// Pods of this name wait.
    pub(super) fn hold(&self, name: &str) {
        self.state.inner.lock().held.insert(name.to_owned());
    }

    pub(super) fn release(&self, name: &str) {
        self.state.inner.lock().held.remove(name);
    }

    /// All objects of this name.
    pub(super) fn named(&self, name: &str) -> BTreeMap<Key, Value> {
        let inner = self.state.inner.lock();
        inner
            .objects
            .iter()
            .filter(|(key, _)| key.name == name)
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect()
    }

    /// The object of this kind and name, in any namespace.
    pub(super) fn find(&self, plural: &str, name: &str) -> Option<Value> {
        self.named(name).into_iter().find(|(key, _)| key.plural == plural).map(|(_, object)| object)
    }

    /// What was called, like `PATCH pods`, from the first on.
    pub(super) fn requests(&self) -> Vec<String> {
        self.state.inner.lock().requests.clone()
    }

    /// The token that the only agent in the Pod of this name has, where it runs.
    pub(super) fn token(&self, name: &str) -> Option<String> {
        self.token_of(name, "workspace")
    }

    /// The token that a container in the Pod of this name has, where it runs.
    pub(super) fn token_of(&self, name: &str, container: &str) -> Option<String> {
        let pod = self.find("pods", name)?;
        let is_ending = !pod["metadata"]["deletionTimestamp"].is_null();
        let uid = pod["metadata"]["uid"].as_str()?.to_owned();
        (!is_ending && pod["status"]["phase"] == "Running")
            .then(|| self.state.inner.lock().tokens.get(&uid)?.get(container).cloned())?
    }

    /// Waits until there is an object.
    pub(super) async fn has(&self, plural: &str, name: &str) {
        let mut changed = self.state.changed.subscribe();
        let wait = async {
            while self.find(plural, name).is_none() {
                changed.changed().await.expect("it lives");
            }
        };
        tokio::time::timeout(Duration::from_secs(15), wait).await.expect("it is made");
    }

    /// A kubeconfig for it.
    pub(super) fn kubeconfig(&self) -> String {
        serde_json::json!({
            "apiVersion": "v1", "kind": "Config", "current-context": "test",
            "clusters": [{"name": "test", "cluster": {"server": self.address}}],
            "contexts": [{"name": "test", "context": {"cluster": "test", "user": "test", "namespace": "workspaces"}}],
            "users": [{"name": "test", "user": {"token": "bearer"}}],
        })
        .to_string()
    }
}
