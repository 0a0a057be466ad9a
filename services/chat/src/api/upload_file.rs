use chatmesh_core::Violations;
use chatmesh_proto::chat::v1 as pb;
use chatmesh_rpc::{Caller, UserId};

use crate::Error;
use crate::files::{FileId, MAX_FILE_BYTES, NewFile, media_type_of, name_of};
use crate::state::State;

/// Keeps a file for messages to refer to.
pub(super) async fn upload_file(
    state: &State,
    caller: Caller,
    request: pb::UploadFileRequest,
) -> Result<pb::UploadFileResponse, Error> {
    let file = parse(state, caller.require_user()?, request)?;
    let stored = state.files.insert(file).await?;
    Ok(pb::UploadFileResponse { file: Some(stored.into()) })
}

fn parse(state: &State, owner_id: UserId, request: pb::UploadFileRequest) -> Result<NewFile, Violations> {
    let pb::UploadFileRequest { data, name, media_type, request_id } = request;
    let mut violations = Violations::new();
    let fits = data.len() <= MAX_FILE_BYTES;
    violations.require(fits, "data", format!("is too large: {} bytes, {MAX_FILE_BYTES} at most", data.len()));
    let media_type = if fits { media_type_of(&data, &media_type, &name) } else { Ok("") };
    let media_type = violations.check("data", media_type).unwrap_or_default();
    let file = NewFile {
        id: FileId(state.ids.next()),
        owner_id,
        name: name_of(&name, media_type, &mut violations),
        media_type,
        data: data.into(),
        request_id: violations.optional_id("request_id", &request_id),
        created_at: state.clock.now(),
    };
    violations.finish(Some(file))
}
