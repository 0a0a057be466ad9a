//! Tools that make, start or stop the workspace of a chat.
//!
//! Of one chat they run one after the other: within a step in the order of the calls, and between steps and workers
//! because only the holder of the chat's lease makes calls. Each acts on the workspace that the one before it left
//! behind. What a tool tells before its end is written on the chat at once, under the fence of the turn, so that people
//! can follow the build, and so that the chat keeps its workspace whatever becomes of the call.

use std::sync::atomic::{AtomicBool, Ordering};

use chatmesh_core::Uuid;
use chatmesh_proto::chat::v1::WatchKind;
use chatmesh_proto::tools::v1::{WorkspaceBound, WorkspaceSettled};
use tracing::error;

use crate::state::State;
use crate::store::{Binding, Fence, StoreError};
use crate::turn::persist;

/// The names of the tools.
const NAMES: [&str; 3] = ["create_workspace", "start_workspace", "stop_workspace"];

/// True for a tool that makes, starts or stops a workspace.
pub(super) fn is_lifecycle(name: &str) -> bool {
    NAMES.contains(&name)
}

/// The workspace of a chat in the course of a step.
#[derive(Debug)]
pub(super) struct Binder<'a> {
    state: &'a State,
    fence: Fence,
    workspace: Option<Uuid>,
    has_new: &'a AtomicBool,
}

impl<'a> Binder<'a> {
    /// A step that begins with this workspace; `has_new` is set where that changes.
    pub(super) fn new(state: &'a State, fence: Fence, workspace: Option<Uuid>, has_new: &'a AtomicBool) -> Self {
        Self { state, fence, workspace, has_new }
    }

    /// Where the next call acts.
    pub(super) fn workspace(&self) -> Option<Uuid> {
        self.workspace
    }

    /// The chat has this workspace from now on.
    ///
    /// # Errors
    /// Why it has not, for the model to read.
    pub(super) async fn bind(&mut self, bound: &WorkspaceBound) -> Result<(), String> {
        let written = self.write(&bound.workspace_id, &bound.build_id).await;
        written.map_err(|error| match error {
            StoreError::WorkspaceChanged => {
                "the chat was given another workspace while this call was made, and acts there from now on. Look at \
                 where you are before you go on"
                    .to_owned()
            }
            error => {
                error!(chat = %self.fence.chat_id, workspace = bound.workspace_id, %error, "a chat did not get its workspace");
                "the workspace is there, but could not be given to this chat: make the same call again".to_owned()
            }
        })
    }

    /// The wait for the workspace is over: says so once more to all who follow the chat.
    pub(super) async fn settle(&mut self, settled: &WorkspaceSettled) {
        if let Err(error) = self.write(&settled.workspace_id, &settled.build_id).await {
            error!(chat = %self.fence.chat_id, workspace = settled.workspace_id, %error, "nobody hears that a workspace is ready");
        }
    }

    async fn write(&mut self, workspace_id: &str, build_id: &str) -> Result<(), StoreError> {
        // An identifier that is none is of a service that is newer than this one.
        let Ok(workspace_id) = Uuid::try_parse(workspace_id) else { return Ok(()) };
        let binding = Binding { expected: self.workspace, workspace_id, build_id: Uuid::try_parse(build_id).ok() };
        let (fence, now) = (self.fence, self.state.clock.now());
        let chat = persist(self.state, || self.state.store.bind_workspace(fence, binding, now)).await?;
        self.workspace = Some(workspace_id);
        self.has_new.store(true, Ordering::Relaxed);
        self.state.hints.changed(&chat).await;
        self.state.hints.listed(&chat, WatchKind::MetadataChange).await;
        Ok(())
    }
}
