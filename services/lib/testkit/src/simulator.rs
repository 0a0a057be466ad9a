//! A simulated provider: an HTTP server that speaks the providers' own wire protocols.
//!
//! It answers `POST …/v1/messages` as Anthropic Messages, `POST …/chat/completions` as OpenAI
//! Chat Completions and `POST …/responses` as OpenAI Responses, over HTTP/1.1 and HTTP/2 with prior knowledge, on one port.
//! `POST …/v1/messages/count_tokens` counts, about as Anthropic does.
//! Answers come from [`Script`]s, chosen by the request's model, or byte for byte from
//! recorded sessions. What a real provider refuses is refused.
//!
//! `GET /_simulator/stats` tells how long the simulator itself took, `GET
//! /_simulator/journal` what it received, `POST /_simulator/scripts` adds scripts, and `DELETE
//! /_simulator/responses` forgets the answers that requests could continue.

mod control;
pub(crate) mod conversation;
pub(crate) mod dialect;
mod handler;
mod journal;
mod library;
pub mod offline;
mod playback;
mod refusal;
mod replay;
mod script;
mod server;
mod stored;
mod validate;
mod wire;

use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

pub use journal::{Journal, Outcome, ReceivedRequest, Stats};
pub use script::{Case, FailFirst, Fault, ResetReason, Script, ScriptedCall, Step, StepUsage, Wait};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::recordings::Recordings;

/// How a simulator listens and answers.
#[derive(Debug, Clone)]
pub struct SimulatorConfig {
    /// The address to listen on; port 0 takes a free one.
    pub listen: SocketAddr,
    /// The accepted keys; any non-empty key will do if there are none.
    pub api_keys: Vec<String>,
    /// The directory of recorded sessions to answer from.
    pub recordings: Option<PathBuf>,
    /// The scripts, besides the built-in ones.
    pub scripts: Vec<Script>,
    /// Cuts bodies into chunks of so many bytes.
    pub chunk_size: Option<NonZeroUsize>,
    /// Waits before each further chunk.
    pub chunk_delay: Duration,
    /// The number of requests that the journal keeps; the oldest go first.
    pub journal_limit: usize,
}

impl Default for SimulatorConfig {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            api_keys: Vec::new(),
            recordings: None,
            scripts: Vec::new(),
            chunk_size: None,
            chunk_delay: Duration::ZERO,
            journal_limit: 1000,
        }
    }
}

impl SimulatorConfig {
    /// Adds a script.
    pub fn with_script(mut self, script: Script) -> Self {
        self.scripts.push(script);
        self
    }

    /// Answers from the recorded sessions in `directory`, too.
    pub fn with_recordings(mut self, directory: impl Into<PathBuf>) -> Self {
        self.recordings = Some(directory.into());
        self
    }

    /// Cuts bodies into chunks of `bytes` bytes.
    ///
    /// # Panics
    ///
    /// When `bytes` is zero.
    pub fn with_chunk_size(mut self, bytes: usize) -> Self {
        self.chunk_size = Some(NonZeroUsize::new(bytes).expect("a chunk has at least one byte"));
        self
    }

    /// Accepts only this key and others that are added.
    pub fn with_api_key(mut self, key: impl Into<String>) -> Self {
        self.api_keys.push(key.into());
        self
    }
}

/// A running simulator; dropping it stops it, after the responses that are under way.
#[derive(Debug)]
pub struct Simulator {
    address: SocketAddr,
    shared: Arc<Shared>,
    stop: CancellationToken,
    tasks: TaskTracker,
}

/// What all connections share.
#[derive(Debug)]
struct Shared {
    api_keys: Vec<String>,
    chunks: playback::Chunks,
    library: library::Library,
    replay: replay::Replay,
    stored: stored::Stored,
    journal: Journal,
}

impl Simulator {
    /// Starts a simulator; it accepts connections when this returns.
    pub async fn start(config: SimulatorConfig) -> anyhow::Result<Self> {
        let replay = match &config.recordings {
            Some(directory) => replay::Replay::new(&Recordings::load(directory)?),
            None => replay::Replay::default(),
        };
        let library = library::Library::default();
        for script in script::builtin::all().into_iter().chain(config.scripts) {
            library.add(script);
        }
        let shared = Arc::new(Shared {
            api_keys: config.api_keys,
            chunks: playback::Chunks { size: config.chunk_size, delay: config.chunk_delay },
            library,
            replay,
            stored: stored::Stored::default(),
            journal: Journal::new(config.journal_limit),
        });
        let listener = tokio::net::TcpListener::bind(config.listen).await?;
        let address = listener.local_addr()?;
        let (stop, tasks) = (CancellationToken::new(), TaskTracker::new());
        let accepting = server::accept(listener, Arc::clone(&shared), stop.clone(), tasks.clone());
        tasks.spawn(accepting);
        Ok(Self { address, shared, stop, tasks })
    }

    /// The URL to put before a provider's paths, without a slash at the end.
    pub fn base_url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The address that the simulator listens on.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The scripted models, the built-in ones among them.
    pub fn models(&self) -> Vec<String> {
        self.shared.library.models()
    }

    /// Adds a script; it replaces one for the same model.
    pub fn add_script(&self, script: Script) {
        self.shared.library.add(script);
    }

    /// Forgets the answers that requests could continue, as a provider does after some time.
    pub fn forget_responses(&self) {
        self.shared.stored.forget();
    }

    /// What was received so far.
    pub fn journal(&self) -> &Journal {
        &self.shared.journal
    }

    /// Stops, and returns when the responses that were under way have ended.
    pub async fn stop(self) {
        self.stop.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }
}

impl Drop for Simulator {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

#[cfg(test)]
mod tests;
