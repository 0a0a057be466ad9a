//! `FileService`.

use chatmesh_proto::agent::v1 as pb;
use chatmesh_proto::agent::v1::file_service_server::FileService;
use tonic::{Request, Response, Status, Streaming};

use super::write::Writer;
use super::{blocking, read};
use crate::chat::ChatId;
use crate::receipts::Receipts;

/// Serves `FileService`.
#[derive(Debug)]
pub(crate) struct FileApi {
    writer: Writer,
}

impl FileApi {
    pub(crate) fn new(receipts: Receipts) -> Self {
        Self { writer: Writer::new(receipts) }
    }
}

#[tonic::async_trait]
impl FileService for FileApi {
    async fn read_file_lines(
        &self,
        request: Request<pb::ReadFileLinesRequest>,
    ) -> Result<Response<pb::ReadFileLinesResponse>, Status> {
        let request = request.into_inner();
        Ok(Response::new(blocking(move || read::read_lines(&request)).await?))
    }

    async fn write_file(
        &self,
        request: Request<Streaming<pb::WriteFileRequest>>,
    ) -> Result<Response<pb::WriteFileResponse>, Status> {
        let chat = ChatId::from_metadata(request.metadata())?;
        Ok(Response::new(self.writer.write(chat, request.into_inner()).await?))
    }
}
