//! The methods of `RelayService`, one line each; what they do is in the files beside.

mod await_agent;

use std::sync::Arc;

use chatmesh_proto::relay::v1 as pb;
use chatmesh_proto::relay::v1::relay_service_server::RelayService;
use chatmesh_rpc::unary;
use tonic::{Request, Response, Status};

use crate::state::State;

pub(crate) struct Api {
    state: Arc<State>,
}

impl Api {
    pub(crate) fn new(state: Arc<State>) -> Self {
        Self { state }
    }
}

#[tonic::async_trait]
impl RelayService for Api {
    async fn await_agent(&self, r: Request<pb::AwaitAgentRequest>) -> Result<Response<pb::AwaitAgentResponse>, Status> {
        unary(r, |caller, m| await_agent::await_agent(&self.state, caller, m)).await
    }
}
