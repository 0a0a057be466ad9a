//! The methods of `SkillService`, one line each; what they do is in the files beside.

mod create_skill;
mod delete_skill;
mod get_skill;
mod list_skills;
#[cfg(test)]
mod tests;
mod update_skill;

use chatmesh_proto::chat::v1 as pb;
use chatmesh_proto::chat::v1::skill_service_server::SkillService;
use chatmesh_rpc::unary;
use tonic::{Request, Response, Status};

use super::Api;
use crate::Error;
use crate::skills::SkillReference;

#[tonic::async_trait]
impl SkillService for Api {
    async fn create_skill(
        &self,
        r: Request<pb::CreateSkillRequest>,
    ) -> Result<Response<pb::CreateSkillResponse>, Status> {
        unary(r, |caller, m| create_skill::create_skill(&self.state, caller, m)).await
    }

    async fn get_skill(&self, r: Request<pb::GetSkillRequest>) -> Result<Response<pb::GetSkillResponse>, Status> {
        unary(r, |caller, m| get_skill::get_skill(&self.state, caller, m)).await
    }

    async fn list_skills(&self, r: Request<pb::ListSkillsRequest>) -> Result<Response<pb::ListSkillsResponse>, Status> {
        unary(r, |caller, m| list_skills::list_skills(&self.state, caller, m)).await
    }

    async fn update_skill(
        &self,
        r: Request<pb::UpdateSkillRequest>,
    ) -> Result<Response<pb::UpdateSkillResponse>, Status> {
        unary(r, |caller, m| update_skill::update_skill(&self.state, caller, m)).await
    }

    async fn delete_skill(
        &self,
        r: Request<pb::DeleteSkillRequest>,
    ) -> Result<Response<pb::DeleteSkillResponse>, Status> {
        unary(r, |caller, m| delete_skill::delete_skill(&self.state, caller, m)).await
    }
}

/// Reads what a request names. What cannot be the name of a skill is that of none.
fn reference(text: &str) -> Result<SkillReference, Error> {
    SkillReference::parse(text).ok_or_else(|| Error::SkillNotFound(text.to_owned()))
}
