use chatmesh_core::Violations;
use chatmesh_proto::chat::v1 as pb;
use chatmesh_rpc::Caller;

use crate::Error;
use crate::files::FileId;
use crate::state::State;

/// Returns a file with its content; somebody else's looks as if it did not exist.
pub(super) async fn get_file(
    state: &State,
    caller: Caller,
    request: pb::GetFileRequest,
) -> Result<pb::GetFileResponse, Error> {
    let id: FileId = request.file_id.parse().map_err(|error| Violations::one("file_id", error))?;
    let file = state.files.find(id).await?;
    let file = file.filter(|file| caller.may_access(file.owner_id)).ok_or(Error::FileNotFound(id))?;
    let data = state.files.read(id).await?.ok_or(Error::FileGone(id))?;
    Ok(pb::GetFileResponse { file: Some(file.into()), data: data.into() })
}
