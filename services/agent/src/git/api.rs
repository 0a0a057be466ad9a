//! `GitService`.

use std::sync::Arc;
use std::time::Duration;

use chatmesh_proto::agent::v1 as pb;
use chatmesh_proto::agent::v1::git_service_server::GitService;
use futures::stream::BoxStream;
use futures::{Stream, StreamExt as _};
use tokio::sync::{Semaphore, mpsc};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tonic::{Request, Response, Status, Streaming};

use super::error::Error;
use super::lookup::Lookup;
use super::registry::Registry;
use super::viewer::{Answer, Viewer};
use crate::chat::ChatId;
use crate::touched::Touched;

/// How many streams there may be; each holds a few messages at most.
const MAX_STREAMS: usize = 128;
/// How long a reader has to take the news that the agent shuts down.
const FAREWELL: Duration = Duration::from_secs(1);

/// Serves `GitService`; clones share everything.
#[derive(Debug, Clone)]
pub(crate) struct GitApi {
    touched: Touched,
    registry: Registry,
    lookup: Lookup,
    streams: Arc<Semaphore>,
    tasks: TaskTracker,
    closing: CancellationToken,
}

impl GitApi {
    /// A service that watches what chats have touched.
    pub(crate) fn new(touched: Touched) -> Self {
        Self::with(touched, Registry::default())
    }

    pub(super) fn with(touched: Touched, registry: Registry) -> Self {
        let streams = Arc::new(Semaphore::new(MAX_STREAMS));
        let (tasks, closing) = (TaskTracker::new(), CancellationToken::new());
        Self { touched, registry, lookup: Lookup::default(), streams, tasks, closing }
    }

    /// Ends all streams: they would never end by themselves.
    pub(crate) fn close(&self) {
        self.closing.cancel();
    }

    /// Watches for `chat`. Follows what it touches from here on, and then looks at what it had
    /// touched before.
    pub(super) fn watch(
        &self,
        chat: Option<&ChatId>,
        requests: impl Stream<Item = Result<pb::WatchChangesRequest, Status>> + Send + Unpin + 'static,
    ) -> Result<impl Stream<Item = Answer> + Send + 'static, Error> {
        let permit = Arc::clone(&self.streams).try_acquire_owned().map_err(|_| Error::TooMany(MAX_STREAMS))?;
        let (sender, mut answers) = mpsc::channel(1);
        let touches = self.touched.subscribe(chat);
        let viewer = Viewer::new(touches, self.registry.clone(), self.lookup.clone(), sender.clone());
        let closing = self.closing.clone();
        self.tasks.spawn(async move {
            if closing.run_until_cancelled(viewer.run(requests)).await.is_none() {
                // Whoever does not take it sees the connection end.
                let _ = timeout(FAREWELL, sender.send(Err(Error::ShuttingDown.into()))).await;
            }
            drop(permit);
        });
        Ok(futures::stream::poll_fn(move |context| answers.poll_recv(context)))
    }
}

#[tonic::async_trait]
impl GitService for GitApi {
    type WatchChangesStream = BoxStream<'static, Answer>;

    async fn watch_changes(
        &self,
        request: Request<Streaming<pb::WatchChangesRequest>>,
    ) -> Result<Response<Self::WatchChangesStream>, Status> {
        self.touched.learn(request.metadata())?;
        let chat = ChatId::from_metadata(request.metadata())?;
        Ok(Response::new(self.watch(chat.as_ref(), request.into_inner())?.boxed()))
    }
}
