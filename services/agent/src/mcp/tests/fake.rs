//! Servers in this process.

use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::Mutex;
use rmcp::service::ServiceExt as _;
use tokio::sync::{Semaphore, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::super::config::Transport;
use super::super::connect::{Client, Connect, Link};
use super::handler::Tools;

/// Connects servers whose commands say how they behave: `ok`, `hang`, `fail` or `gated`.
#[derive(Debug, Clone)]
pub(super) struct Fake {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    /// How often each command was connected, its first argument included.
    connects: watch::Sender<BTreeMap<String, usize>>,
    live: watch::Sender<BTreeMap<String, usize>>,
    gate: Semaphore,
    cuts: Mutex<BTreeMap<String, CancellationToken>>,
    tasks: TaskTracker,
}

impl Fake {
    pub(super) fn new() -> Self {
        let inner = Inner {
            connects: watch::Sender::default(),
            live: watch::Sender::default(),
            gate: Semaphore::new(0),
            cuts: Mutex::default(),
            tasks: TaskTracker::new(),
        };
        Self { inner: Arc::new(inner) }
    }

    /// How often a server was connected.
    pub(super) fn connects(&self, server: &str) -> usize {
        self.inner.connects.borrow().get(server).copied().unwrap_or_default()
    }

    /// Waits until a server was connected so often.
    pub(super) async fn connected(&self, server: &str, times: usize) {
        let mut connects = self.inner.connects.subscribe();
        let waiting = connects.wait_for(|connects| connects.get(server).is_some_and(|count| *count >= times));
        tokio::time::timeout(super::LONG, waiting).await.expect("it is connected").expect("the fake lives");
    }

    /// Waits until so many sessions with a server are left.
    pub(super) async fn live(&self, server: &str, count: usize) {
        let mut live = self.inner.live.subscribe();
        let waiting = live.wait_for(|live| live.get(server).copied().unwrap_or_default() == count);
        tokio::time::timeout(super::LONG, waiting).await.expect("sessions end").expect("the fake lives");
    }

    /// Lets gated servers connect.
    pub(super) fn open_gate(&self) {
        self.inner.gate.add_permits(1000);
    }

    /// Ends a server without a word.
    pub(super) fn cut(&self, server: &str) {
        if let Some(cut) = self.inner.cuts.lock().get(server) {
            cut.cancel();
        }
    }
}

#[tonic::async_trait]
impl Connect for Fake {
    async fn connect(&self, transport: &Transport, client: Client) -> Result<Link, String> {
        let Transport::Stdio { command, args, .. } = transport else { return Err("no program".to_owned()) };
        let server = args.first().cloned().unwrap_or_default();
        self.inner.connects.send_modify(|connects| *connects.entry(server.clone()).or_default() += 1);
        match command.as_str() {
            "hang" => std::future::pending().await,
            "fail" => return Err(format!("it failed with {}", args.join(" "))),
            "gated" => drop(self.inner.gate.acquire().await.map_err(|error| error.to_string())?),
            _ => {}
        }
        let (ours, theirs) = tokio::io::duplex(64 * 1024);
        let (inner, cut) = (Arc::clone(&self.inner), CancellationToken::new());
        self.inner.cuts.lock().insert(server.clone(), cut.clone());
        self.inner.live.send_modify(|live| *live.entry(server.clone()).or_default() += 1);
        self.inner.tasks.spawn(async move {
            let serving = async {
                if let Ok(serving) = Tools::default().serve(theirs).await {
                    let _ = serving.waiting().await;
                }
            };
            cut.run_until_cancelled(serving).await;
            inner.live.send_modify(|live| *live.entry(server).or_default() -= 1);
        });
        let service = client.serve(ours).await.map_err(|error| error.to_string())?;
        Ok(Link { service, program: None })
    }

    fn variables(&self) -> BTreeMap<String, String> {
        BTreeMap::from([("SECRET".to_owned(), "secret-of-the-service".to_owned())])
    }
}
