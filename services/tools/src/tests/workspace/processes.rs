//! The processes of the workspace, as its agent tells of them.

use std::collections::VecDeque;
use std::time::Duration;

use chatmesh_proto::agent::v1 as agent;
use chatmesh_proto::agent::v1::process_service_server::ProcessService;
use chatmesh_rpc::{Code, status_with_reason};
use futures::stream::BoxStream;
use tonic::{Request, Response, Status};

use super::Played;

/// What is asked of processes and what is said of them.
#[derive(Debug, Default)]
pub(in crate::tests) struct Processes {
    /// What becomes of a start; by default it is process `PROCESS`.
    pub(in crate::tests) start: Option<Result<agent::StartProcessResponse, Status>>,
    pub(in crate::tests) started: Vec<agent::StartProcessRequest>,
    /// What each look finds, the last of it again and again. A process that runs is waited for in vain.
    pub(in crate::tests) looks: VecDeque<Result<agent::WaitProcessResponse, Status>>,
    pub(in crate::tests) looked: Vec<agent::WaitProcessRequest>,
    pub(in crate::tests) list: Option<Result<agent::ListProcessesResponse, Status>>,
    pub(in crate::tests) signal: Option<Status>,
    pub(in crate::tests) signalled: Vec<agent::SignalProcessRequest>,
    /// What becomes of a start that is given up; by default it had not come to anything.
    pub(in crate::tests) cancel: Option<Result<agent::CancelProcessResponse, Status>>,
    /// The keys of those that were given up.
    pub(in crate::tests) canceled: Vec<String>,
}

impl Processes {
    pub(in crate::tests) const PROCESS: &'static str = "0193a5d0-0000-7000-8000-000000000001";

    /// A look at the process.
    pub(in crate::tests) fn look(
        running: bool,
        exit_code: Option<i32>,
        text: &str,
    ) -> Result<agent::WaitProcessResponse, Status> {
        let process = agent::Process { id: Self::PROCESS.to_owned(), running, exit_code, ..agent::Process::default() };
        let output = agent::ProcessOutput { text: text.to_owned(), ..agent::ProcessOutput::default() };
        Ok(agent::WaitProcessResponse { process: Some(process), output: Some(output) })
    }

    /// An error of the agent.
    pub(in crate::tests) fn error(code: Code, reason: &str, message: &str) -> Status {
        status_with_reason(code, reason, "chatmesh.agent.v1", message)
    }

    /// How long each look would have waited, in milliseconds.
    pub(in crate::tests) fn waits(&self) -> Vec<u32> {
        self.looked.iter().map(|look| look.timeout_ms).collect()
    }
}

#[tonic::async_trait]
impl ProcessService for Played {
    async fn start_process(
        &self,
        request: Request<agent::StartProcessRequest>,
    ) -> Result<Response<agent::StartProcessResponse>, Status> {
        self.has.lock().processes.started.push(request.get_ref().clone());
        self.reached(&request).await?;
        let start = self.has.lock().processes.start.clone();
        start
            .unwrap_or_else(|| {
                let process =
                    agent::Process { id: Processes::PROCESS.to_owned(), running: true, ..agent::Process::default() };
                Ok(agent::StartProcessResponse { process: Some(process), attached: false })
            })
            .map(Response::new)
    }

    async fn wait_process(
        &self,
        request: Request<agent::WaitProcessRequest>,
    ) -> Result<Response<agent::WaitProcessResponse>, Status> {
        self.has.lock().processes.looked.push(request.get_ref().clone());
        self.reached(&request).await?;
        let found = {
            let looks = &mut self.has.lock().processes.looks;
            if looks.len() > 1 { looks.pop_front() } else { looks.front().cloned() }
        };
        let found = found.expect("a look")?;
        if found.process.as_ref().is_some_and(|process| process.running) {
            tokio::time::sleep(Duration::from_millis(request.get_ref().timeout_ms.into())).await;
        }
        Ok(Response::new(found))
    }

    type WatchProcessStream = BoxStream<'static, Result<agent::WatchProcessResponse, Status>>;

    async fn watch_process(
        &self,
        _: Request<agent::WatchProcessRequest>,
    ) -> Result<Response<Self::WatchProcessStream>, Status> {
        Err(Status::unimplemented("nobody asks"))
    }

    async fn list_processes(
        &self,
        request: Request<agent::ListProcessesRequest>,
    ) -> Result<Response<agent::ListProcessesResponse>, Status> {
        self.reached(&request).await?;
        self.has.lock().processes.list.clone().expect("a list").map(Response::new)
    }

    async fn signal_process(
        &self,
        request: Request<agent::SignalProcessRequest>,
    ) -> Result<Response<agent::SignalProcessResponse>, Status> {
        self.reached(&request).await?;
        self.has.lock().processes.signalled.push(request.get_ref().clone());
        match self.has.lock().processes.signal.clone() {
            Some(status) => Err(status),
            None => Ok(Response::new(agent::SignalProcessResponse {})),
        }
    }

    async fn cancel_process(
        &self,
        request: Request<agent::CancelProcessRequest>,
    ) -> Result<Response<agent::CancelProcessResponse>, Status> {
        self.reached(&request).await?;
        let processes = &mut self.has.lock().processes;
        processes.canceled.push(request.into_inner().idempotency_key);
        processes.cancel.clone().unwrap_or_else(|| Ok(agent::CancelProcessResponse::default())).map(Response::new)
    }
}
