//! The files of the workspace, as its agent tells of them.

use chatmesh_proto::agent::v1 as agent;
use chatmesh_proto::agent::v1::file_service_server::FileService;
use chatmesh_proto::agent::v1::read_file_response::Body as Read;
use chatmesh_proto::agent::v1::write_file_request::Body;
use futures::stream::{self, BoxStream};
use tonic::{Request, Response, Status, Streaming};

use super::Played;

/// What is asked of files and what is said of them.
#[derive(Debug, Default)]
pub(in crate::tests) struct Files {
    pub(in crate::tests) read: Option<Result<agent::ReadFileLinesResponse, Status>>,
    pub(in crate::tests) asked: Vec<agent::ReadFileLinesRequest>,
    /// What is read of a file whole, piece by piece.
    pub(in crate::tests) pieces: Vec<Result<Read, Status>>,
    pub(in crate::tests) opened: Vec<agent::ReadFileRequest>,
    /// What becomes of a write, where it does not go well.
    pub(in crate::tests) refuse: Option<Status>,
    pub(in crate::tests) written: Vec<(agent::WriteFileHeader, Vec<u8>)>,
    pub(in crate::tests) edit: Option<Result<agent::EditFilesResponse, Status>>,
    pub(in crate::tests) edited: Vec<agent::EditFilesRequest>,
    /// Where the paths lead that lead elsewhere.
    pub(in crate::tests) links: Vec<(&'static str, &'static str)>,
}

#[tonic::async_trait]
impl FileService for Played {
    async fn stat_file(&self, _: Request<agent::StatFileRequest>) -> Result<Response<agent::StatFileResponse>, Status> {
        Err(Status::unimplemented("nobody asks"))
    }

    async fn read_file_lines(
        &self,
        request: Request<agent::ReadFileLinesRequest>,
    ) -> Result<Response<agent::ReadFileLinesResponse>, Status> {
        self.reached(&request).await?;
        let files = &mut self.has.lock().files;
        files.asked.push(request.into_inner());
        files.read.clone().expect("a file").map(Response::new)
    }

    type ReadFileStream = BoxStream<'static, Result<agent::ReadFileResponse, Status>>;

    async fn read_file(
        &self,
        request: Request<agent::ReadFileRequest>,
    ) -> Result<Response<Self::ReadFileStream>, Status> {
        self.has.lock().files.opened.push(request.get_ref().clone());
        self.reached(&request).await?;
        let pieces = self.has.lock().files.pieces.clone();
        if let Some(Err(status)) = pieces.first() {
            return Err(status.clone());
        }
        let said = |body| agent::ReadFileResponse { body: Some(body) };
        Ok(Response::new(Box::pin(stream::iter(pieces.into_iter().map(move |piece| piece.map(said))))))
    }

    async fn write_file(
        &self,
        request: Request<Streaming<agent::WriteFileRequest>>,
    ) -> Result<Response<agent::WriteFileResponse>, Status> {
        let (metadata, _, mut messages) = request.into_parts();
        let mut head = Request::new(());
        *head.metadata_mut() = metadata;
        self.reached(&head).await?;
        let (mut header, mut bytes) = (agent::WriteFileHeader::default(), Vec::new());
        while let Some(message) = messages.message().await? {
            match message.body.expect("a body") {
                Body::Header(first) => header = first,
                Body::Data(data) => bytes.extend_from_slice(&data),
            }
        }
        let files = &mut self.has.lock().files;
        if let Some(status) = &files.refuse {
            return Err(status.clone());
        }
        let written = agent::WriteFileResponse { path: header.path.clone(), size_bytes: header.size_bytes };
        files.written.push((header, bytes));
        Ok(Response::new(written))
    }

    async fn edit_files(
        &self,
        request: Request<agent::EditFilesRequest>,
    ) -> Result<Response<agent::EditFilesResponse>, Status> {
        self.has.lock().files.edited.push(request.get_ref().clone());
        self.reached(&request).await?;
        self.has.lock().files.edit.clone().expect("an answer").map(Response::new)
    }

    async fn list_directory(
        &self,
        _: Request<agent::ListDirectoryRequest>,
    ) -> Result<Response<agent::ListDirectoryResponse>, Status> {
        Err(Status::unimplemented("nobody asks"))
    }

    async fn resolve_path(
        &self,
        request: Request<agent::ResolvePathRequest>,
    ) -> Result<Response<agent::ResolvePathResponse>, Status> {
        self.reached(&request).await?;
        let path = request.into_inner().path;
        let link = self.has.lock().files.links.iter().find(|(from, _)| *from == path).map(|(_, to)| (*to).to_owned());
        Ok(Response::new(agent::ResolvePathResponse { path: link.unwrap_or(path), exists: false }))
    }
}
