//! `FileService`.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::pin::Pin;

use chatmesh_proto::agent::v1 as pb;
use chatmesh_proto::agent::v1::file_service_server::FileService;
use futures::Stream;
use tonic::{Request, Response, Status, Streaming};

use super::editor::Editor;
use super::locks::Locks;
use super::write::Writer;
use super::{blocking, download, list, read, stat};
use crate::chat::ChatId;
use crate::receipts::Receipts;
use crate::touched::Touched;

/// Serves `FileService`.
#[derive(Debug)]
pub(crate) struct FileApi {
    writer: Writer,
    editor: Editor,
    home: Option<PathBuf>,
    touched: Touched,
}

impl FileApi {
    /// Files, with the home directory that the variables `environment` name.
    pub(crate) fn new(receipts: Receipts, environment: &[(OsString, OsString)], touched: Touched) -> Self {
        let locks = Locks::new();
        let home = environment.iter().find(|(name, _)| name == "HOME").map(|(_, home)| PathBuf::from(home));
        Self {
            writer: Writer::new(receipts.clone(), locks.clone()),
            editor: Editor::new(receipts, locks),
            home,
            touched,
        }
    }
}

/// What a file is sent as.
type Download = Pin<Box<dyn Stream<Item = Result<pb::ReadFileResponse, Status>> + Send>>;

#[tonic::async_trait]
impl FileService for FileApi {
    type ReadFileStream = Download;

    async fn stat_file(&self, request: Request<pb::StatFileRequest>) -> Result<Response<pb::StatFileResponse>, Status> {
        let request = request.into_inner();
        Ok(Response::new(blocking(move || stat::stat(&request)).await?))
    }

    async fn read_file(&self, request: Request<pb::ReadFileRequest>) -> Result<Response<Download>, Status> {
        let stream = download::read(request.into_inner()).await?;
        Ok(Response::new(Box::pin(stream)))
    }

    async fn edit_files(
        &self,
        request: Request<pb::EditFilesRequest>,
    ) -> Result<Response<pb::EditFilesResponse>, Status> {
        self.touched.learn(request.metadata())?;
        let chat = ChatId::from_metadata(request.metadata())?;
        let edited = self.editor.edit(chat.clone(), request.into_inner()).await?;
        for file in &edited.files {
            self.touched.touch(chat.as_ref(), Path::new(&file.path));
        }
        Ok(Response::new(edited))
    }

    async fn list_directory(
        &self,
        request: Request<pb::ListDirectoryRequest>,
    ) -> Result<Response<pb::ListDirectoryResponse>, Status> {
        let (request, home) = (request.into_inner(), self.home.clone());
        Ok(Response::new(blocking(move || list::list(&request, home.as_deref())).await?))
    }

    async fn resolve_path(
        &self,
        request: Request<pb::ResolvePathRequest>,
    ) -> Result<Response<pb::ResolvePathResponse>, Status> {
        let request = request.into_inner();
        Ok(Response::new(blocking(move || stat::resolve(&request)).await?))
    }

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
