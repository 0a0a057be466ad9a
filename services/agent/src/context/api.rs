//! `ContextService`.

use std::sync::Arc;
use std::time::Duration;

use chatmesh_proto::agent::v1 as pb;
use chatmesh_proto::agent::v1::context_service_server::ContextService;
use tonic::{Request, Response, Status};

use super::bounds::Bounds;
use super::error::Error;
use super::settings::Settings;
use super::{instructions, skill_files, skills};

/// How long a file system may take to answer.
const TIMEOUT: Duration = Duration::from_secs(30);

/// Serves `ContextService`.
#[derive(Debug)]
pub(crate) struct ContextApi {
    settings: Arc<Settings>,
}

impl ContextApi {
    pub(crate) fn new(settings: Settings) -> Self {
        Self { settings: Arc::new(settings) }
    }

    /// Reads files where that does not hold up others.
    async fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Settings) -> Result<T, Error> + Send + 'static,
    ) -> Result<Response<T>, Status> {
        let settings = Arc::clone(&self.settings);
        let reading = tokio::task::spawn_blocking(move || work(&settings));
        let read = tokio::time::timeout(TIMEOUT, reading).await.map_err(|_| Error::TimedOut)?;
        Ok(Response::new(read.map_err(|_| Error::BrokeOff)??))
    }
}

#[tonic::async_trait]
impl ContextService for ContextApi {
    async fn get_context(&self, _: Request<pb::GetContextRequest>) -> Result<Response<pb::GetContextResponse>, Status> {
        self.read(|settings| Ok(context(settings))).await
    }

    async fn read_skill(
        &self,
        request: Request<pb::ReadSkillRequest>,
    ) -> Result<Response<pb::ReadSkillResponse>, Status> {
        let pb::ReadSkillRequest { name } = request.into_inner();
        self.read(move |settings| read_skill(settings, &name)).await
    }

    async fn read_skill_file(
        &self,
        request: Request<pb::ReadSkillFileRequest>,
    ) -> Result<Response<pb::ReadSkillFileResponse>, Status> {
        let pb::ReadSkillFileRequest { name, path } = request.into_inner();
        self.read(move |settings| skill_files::read(&skills::find(settings, &name)?, &path)).await
    }
}

pub(super) fn context(settings: &Settings) -> pb::GetContextResponse {
    let mut bounds = Bounds::new();
    let instruction_files = instructions::read(settings, &mut bounds);
    let skills = skills::discover(settings, &mut bounds);
    pb::GetContextResponse {
        working_dir: settings.directory().display().to_string(),
        home_dir: settings.home().map(|home| home.display().to_string()).unwrap_or_default(),
        os: std::env::consts::OS.to_owned(),
        instruction_files,
        skills,
        warnings: bounds.into_warnings(),
    }
}

pub(super) fn read_skill(settings: &Settings, name: &str) -> Result<pb::ReadSkillResponse, Error> {
    let loaded = skills::find(settings, name)?;
    let (files, files_truncated) = skill_files::list(&loaded);
    let (skill, truncated) = (Some(loaded.skill), loaded.truncated);
    Ok(pb::ReadSkillResponse { skill, body: loaded.body, truncated, files, files_truncated })
}
