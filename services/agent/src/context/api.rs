//! `ContextService`.

use std::sync::Arc;
use std::time::Duration;

use chatmesh_proto::agent::v1 as pb;
use chatmesh_proto::agent::v1::context_service_server::ContextService;
use tokio::sync::Semaphore;
use tonic::{Request, Response, Status};

use super::additions::Additions;
use super::bounds::Bounds;
use super::error::Error;
use super::settings::Settings;
use super::{instructions, skill_files, skills};
use crate::chat::ChatId;

/// How long a file system may take to answer.
const TIMEOUT: Duration = Duration::from_secs(30);

/// How many questions read files at the same time.
const MAX_READERS: usize = 2;

/// Serves `ContextService`.
#[derive(Debug)]
pub(crate) struct ContextApi {
    settings: Arc<Settings>,
    additions: Additions,
    /// A file system that hangs keeps as many threads, and not one more for every question.
    readers: Arc<Semaphore>,
}

impl ContextApi {
    pub(crate) fn new(settings: Settings, additions: Additions) -> Self {
        Self { settings: Arc::new(settings), additions, readers: Arc::new(Semaphore::new(MAX_READERS)) }
    }

    /// Reads what the chat is told that a request is made for.
    async fn read_for<M: Send + 'static, T: Send + 'static>(
        &self,
        request: Request<M>,
        work: impl FnOnce(&Settings, M) -> Result<T, Error> + Send + 'static,
    ) -> Result<Response<T>, Status> {
        let chat = ChatId::from_metadata(request.metadata())?;
        let ancestors = ChatId::ancestors_from_metadata(request.metadata())?;
        let (additions, message) = (self.additions.clone(), request.into_inner());
        self.read(move |settings| {
            let added = additions.of(chat.as_ref(), &ancestors);
            work(&settings.with_added(added), message)
        })
        .await
    }

    /// Reads files where that does not hold up others.
    async fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Settings) -> Result<T, Error> + Send + 'static,
    ) -> Result<Response<T>, Status> {
        let (settings, readers) = (Arc::clone(&self.settings), Arc::clone(&self.readers));
        let reading = async move {
            let permit = readers.acquire_owned().await.map_err(|_| Error::BrokeOff)?;
            let reading = tokio::task::spawn_blocking(move || {
                // Held until the thread is free again, whoever still waits for it.
                let _permit = permit;
                work(&settings)
            });
            reading.await.map_err(|_| Error::BrokeOff)?
        };
        Ok(Response::new(tokio::time::timeout(TIMEOUT, reading).await.map_err(|_| Error::TimedOut)??))
    }
}

#[tonic::async_trait]
impl ContextService for ContextApi {
    async fn get_context(
        &self,
        request: Request<pb::GetContextRequest>,
    ) -> Result<Response<pb::GetContextResponse>, Status> {
        self.read_for(request, |settings, _| Ok(context(settings))).await
    }

    async fn read_skill(
        &self,
        request: Request<pb::ReadSkillRequest>,
    ) -> Result<Response<pb::ReadSkillResponse>, Status> {
        self.read_for(request, |settings, request| read_skill(settings, &request.name)).await
    }

    async fn read_skill_file(
        &self,
        request: Request<pb::ReadSkillFileRequest>,
    ) -> Result<Response<pb::ReadSkillFileResponse>, Status> {
        self.read_for(request, |settings, pb::ReadSkillFileRequest { name, path }| {
            skill_files::read(&skills::find(settings, &name)?, &path)
        })
        .await
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

#[cfg(test)]
mod tests {
    use std::path::PathBuf;
    use std::sync::mpsc;

    use chatmesh_rpc::Code;

    use super::*;

    /// Longer than anything here takes.
    const LONG: Duration = Duration::from_secs(60);

    /// A file system that does not answer is asked by a few threads: the next ones wait, and give up.
    #[tokio::test(start_paused = true)]
    async fn files_that_never_come_do_not_take_thread_after_thread() {
        let nowhere = PathBuf::from("/nowhere");
        let additions = Additions::open(&nowhere);
        let api = Arc::new(ContextApi::new(Settings::new(&[], nowhere), additions));
        let (began, beginnings) = mpsc::channel();
        let mut gates = Vec::new();
        for _ in 0..MAX_READERS + 3 {
            let (gate, hang) = mpsc::channel::<()>();
            gates.push(gate);
            let began = began.clone();
            let read = api.read(move |_| {
                began.send(()).ok();
                hang.recv().ok();
                Ok(())
            });
            // Time does not pass by itself while a thread is at work.
            let (read, ()) = tokio::join!(read, tokio::time::advance(TIMEOUT));
            assert_eq!(read.expect_err("too late").code(), Code::DeadlineExceeded);
        }
        drop(gates);
        assert!(api.read(|_| Ok(())).await.is_ok(), "the threads are free again");
        for _ in 0..MAX_READERS {
            beginnings.recv_timeout(LONG).expect("a thread that began");
        }
        assert!(beginnings.try_recv().is_err(), "no other began");
    }
}
