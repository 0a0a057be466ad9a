//! Brings the parts of one episode here.

use std::sync::Arc;
use std::time::Duration;

use chatmesh_core::Backoff;
use chatmesh_proto::chat::v1::StreamPartsRequest;
use chatmesh_proto::chat::v1::part_service_client::PartServiceClient;
use chatmesh_rpc::Replicas;
use tonic::{Request, Status};
use tracing::debug;

use crate::domain::WorkerId;
use crate::parts::Episode;
use crate::store::WorkerDirectory;

/// How long the other replica may take to answer, and the database to say where it is.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);
const SHORTEST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// Fills a mirror.
pub(super) struct Follower {
    pub(super) episode: Arc<Episode>,
    pub(super) worker: WorkerId,
    pub(super) replicas: Arc<Replicas>,
    pub(super) workers: Arc<dyn WorkerDirectory>,
}

/// Why a call did not bring the parts to their end.
#[derive(Debug, thiserror::Error)]
enum Broken {
    /// Others are not told where the worker is, or the database could not say.
    #[error("nobody knows where the worker is")]
    Unknown,
    /// The address makes no sense.
    #[error("the address of the worker is wrong: {0}")]
    Address(String),
    /// The call failed.
    #[error("{0}")]
    Failed(#[from] Status),
}

impl Follower {
    /// Follows the episode to its end, over as many calls as it takes.
    pub(super) async fn run(self) {
        let mut backoff = Backoff::new(SHORTEST_PAUSE, LONGEST_PAUSE);
        loop {
            let before = self.episode.len();
            let Err(broken) = self.call().await else { return self.episode.close() };
            if self.episode.len() > before {
                backoff.reset();
            }
            debug!(worker = %self.worker, %broken, "live parts of another replica broke off");
            if !matches!(broken, Broken::Unknown) {
                // It may be gone, or somebody else may run the chat: only the database knows.
                self.episode.doubt();
            }
            tokio::time::sleep(backoff.next_pause()).await;
        }
    }

    async fn call(&self) -> Result<(), Broken> {
        let looking = tokio::time::timeout(ANSWER_TIMEOUT, self.workers.address_of(self.worker));
        let address = looking.await.ok().and_then(Result::ok).flatten().ok_or(Broken::Unknown)?;
        let peer = self.replicas.connect(&address).map_err(Broken::Address)?;
        let mut client =
            PartServiceClient::new((*peer).clone()).max_decoding_message_size(chatmesh_rpc::MAX_MESSAGE_BYTES);
        let key = self.episode.key();
        let request = StreamPartsRequest {
            chat_id: key.chat.to_string(),
            history_version: key.history_version,
            generation_attempt: key.generation_attempt,
            after_seq: u32::try_from(self.episode.len()).unwrap_or(u32::MAX),
        };
        let answer = tokio::time::timeout(ANSWER_TIMEOUT, client.stream_parts(Request::new(request))).await;
        let mut responses = answer.map_err(|_| Status::deadline_exceeded("no answer in time"))??.into_inner();
        while let Some(response) = responses.message().await? {
            for part in response.parts {
                self.episode.mirror(part).map_err(|gap| Status::data_loss(gap.to_string()))?;
            }
            if response.ended {
                return Ok(());
            }
        }
        Err(Status::unavailable("the stream ended without an end").into())
    }
}
