//! `FileService`.

use std::path::Path;

use chatmesh_proto::agent::v1 as pb;
use chatmesh_proto::agent::v1::file_service_server::FileService;
use tonic::{Request, Response, Status, Streaming};

use super::write::Writer;
use super::{blocking, read};
use crate::chat::ChatId;
use crate::receipts::Receipts;
use crate::touched::Touched;

/// Serves `FileService`.
#[derive(Debug)]
pub(crate) struct FileApi {
    writer: Writer,
    touched: Touched,
}

impl FileApi {
    pub(crate) fn new(receipts: Receipts, touched: Touched) -> Self {
        Self { writer: Writer::new(receipts), touched }
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
        self.touched.learn(request.metadata())?;
        let chat = ChatId::from_metadata(request.metadata())?;
        let written = self.writer.write(chat.clone(), request.into_inner()).await?;
        self.touched.touch(chat.as_ref(), Path::new(&written.path));
        Ok(Response::new(written))
    }
}
