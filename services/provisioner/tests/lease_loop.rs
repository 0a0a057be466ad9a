//! The loop of a provisioner against a scripted service.

use std::collections::VecDeque;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use chatmesh_core::{IdSource as _, SecretString, SystemClock, SystemIds};
use chatmesh_proto::provisioner::v1 as pb;
use chatmesh_proto::provisioner::v1::provisioner_service_server::{ProvisionerService, ProvisionerServiceServer};
use chatmesh_provisioner::{Config, Provisioner};
use chatmesh_rpc::assertion::ServiceSigner;
use chatmesh_rpc::client::Peer;
use chatmesh_runtime::Tasks;
use parking_lot::Mutex;
use tokio::sync::Notify;
use tonic::{Request, Response, Status};

/// Notes that it is up, and ends when it is asked to, unless it was told not to.
const AGENT: &str = "[ -e ../../stubborn ] && trap '' TERM; echo up > up; while :; do sleep 0.05; done";

/// Hands out jobs and keeps what it was told.
#[derive(Debug, Default)]
struct Script {
    jobs: Mutex<VecDeque<pb::Job>>,
    wake: Notify,
    holders: Mutex<Vec<String>>,
    reports: Mutex<Vec<String>>,
    /// How many reports fail before one arrives.
    failures: Mutex<u32>,
    /// The build whose lease is somebody else's when it is renewed.
    lost: Mutex<Option<String>>,
}

#[derive(Debug, Clone)]
struct Fake(Arc<Script>);

impl Fake {
    fn report(&self, report: String) -> Result<(), Status> {
        let mut failures = self.0.failures.lock();
        if *failures > 0 {
            *failures -= 1;
            return Err(Status::unavailable("not now"));
        }
        self.0.reports.lock().push(report);
        Ok(())
    }
}

#[tonic::async_trait]
impl ProvisionerService for Fake {
    async fn lease_job(&self, r: Request<pb::LeaseJobRequest>) -> Result<Response<pb::LeaseJobResponse>, Status> {
        let request = r.into_inner();
        assert_eq!(request.provisioners, ["local"]);
        loop {
            let woken = self.0.wake.notified();
            if let Some(job) = self.0.jobs.lock().pop_front() {
                self.0.holders.lock().push(request.provisioner_id);
                return Ok(Response::new(pb::LeaseJobResponse { job: Some(job) }));
            }
            woken.await;
        }
    }

    async fn renew_lease(&self, r: Request<pb::RenewLeaseRequest>) -> Result<Response<pb::RenewLeaseResponse>, Status> {
        if self.0.lost.lock().as_ref() == Some(&r.into_inner().build_id) {
            return Err(Status::aborted("somebody else's"));
        }
        Ok(Response::new(Default::default()))
    }

    async fn complete_job(
        &self,
        r: Request<pb::CompleteJobRequest>,
    ) -> Result<Response<pb::CompleteJobResponse>, Status> {
        self.report(format!("{} done", r.into_inner().build_id))?;
        Ok(Response::new(Default::default()))
    }

    async fn fail_job(&self, r: Request<pb::FailJobRequest>) -> Result<Response<pb::FailJobResponse>, Status> {
        let request = r.into_inner();
        self.report(format!("{} failed: {}", request.build_id, request.error))?;
        Ok(Response::new(Default::default()))
    }
}

fn provisioner(fake: &Fake, data_dir: &Path, tasks: &Tasks) -> Provisioner {
    let routes = tonic::service::Routes::new(ProvisionerServiceServer::new(fake.clone()));
    let secret = SecretString::from("a secret of the mesh");
    let signer = ServiceSigner::new("provisioner", &secret, Arc::new(SystemClock));
    let peer = Peer::new(chatmesh_rpc::local(routes.prepare()), signer);
    let config = Config {
        data_dir: data_dir.to_owned(),
        agent_program: "/bin/sh".into(),
        agent_args: vec!["-c".to_owned(), AGENT.to_owned()],
        agent_url: "http://relay".to_owned(),
        otlp_endpoint: None,
        ..Config::default()
    };
    Provisioner::build(config, peer, tasks.clone(), &SystemIds).expect("built")
}

fn job(build: &str, workspace: &str, transition: pb::JobTransition) -> pb::Job {
    pb::Job {
        build_id: build.to_owned(),
        workspace_id: workspace.to_owned(),
        agent_token: "token".to_owned(),
        transition: transition.into(),
        ..pb::Job::default()
    }
}

async fn eventually(what: &str, condition: impl Fn() -> bool) {
    for _ in 0..1500 {
        if condition() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("not in time: {what}");
}

#[tokio::test(flavor = "multi_thread")]
async fn builds_are_leased_carried_out_and_reported() {
    let directory = tempfile::tempdir().expect("a directory");
    let (fake, tasks) = (Fake(Arc::default()), Tasks::new());
    let script = Arc::clone(&fake.0);
    *script.failures.lock() = 2;
    provisioner(&fake, directory.path(), &tasks).start();

    let workspace = SystemIds.next().to_string();
    let reported = |report: &str| {
        let report = report.to_owned();
        let script = Arc::clone(&script);
        move || script.reports.lock().iter().any(|found| found.starts_with(&report))
    };
    for (build, transition) in [("1", pb::JobTransition::Start), ("2", pb::JobTransition::Stop)] {
        script.jobs.lock().push_back(job(build, &workspace, transition));
        script.wake.notify_waiters();
        eventually("the build is done", reported(&format!("{build} done"))).await;
    }
    script.jobs.lock().push_back(job("3", "../../etc", pb::JobTransition::Delete));
    script.wake.notify_waiters();
    eventually("the build has failed", reported("3 failed: `../../etc` is not")).await;

    // Each slot leases under its own name.
    let holders = script.holders.lock().clone();
    assert_eq!(holders.len(), 3);
    assert!(holders.iter().all(|holder| holder.rsplit_once('-').is_some_and(|(_, slot)| slot.len() == 1)));

    tasks.shutdown().begin();
    assert!(tasks.wait(Duration::from_secs(10)).await, "{:?}", tasks.running());
    assert_eq!(tasks.crashed(), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn agents_are_stopped_at_the_end_and_brought_back_at_the_start() {
    let directory = tempfile::tempdir().expect("a directory");
    let (fake, tasks) = (Fake(Arc::default()), Tasks::new());
    let workspace = SystemIds.next().to_string();
    fake.0.jobs.lock().push_back(job("1", &workspace, pb::JobTransition::Start));
    provisioner(&fake, directory.path(), &tasks).start();
    let up = directory.path().join("workspaces").join(&workspace).join("home/up");
    eventually("the agent is up", || up.exists()).await;
    eventually("the build is done", || !fake.0.reports.lock().is_empty()).await;
    tasks.shutdown().begin();
    assert!(tasks.wait(Duration::from_secs(10)).await, "{:?}", tasks.running());

    std::fs::remove_file(&up).expect("removed");
    let tasks = Tasks::new();
    provisioner(&fake, directory.path(), &tasks).start();
    eventually("the agent is up again", || up.exists()).await;
    tasks.shutdown().begin();
    assert!(tasks.wait(Duration::from_secs(10)).await, "{:?}", tasks.running());
}

#[tokio::test(start_paused = true)]
async fn a_build_whose_lease_is_lost_is_let_go_of() {
    let directory = tempfile::tempdir().expect("a directory");
    let workspaces = directory.path().join("workspaces");
    std::fs::create_dir(&workspaces).expect("made");
    std::fs::write(workspaces.join("stubborn"), "").expect("written");
    let (fake, tasks) = (Fake(Arc::default()), Tasks::new());
    let script = Arc::clone(&fake.0);
    let workspace = SystemIds.next().to_string();
    script.jobs.lock().push_back(job("1", &workspace, pb::JobTransition::Start));
    provisioner(&fake, directory.path(), &tasks).start();
    let up = workspaces.join(&workspace).join("home/up");
    in_real_time("the agent is up", || up.exists()).await;
    in_real_time("the build is done", || *script.reports.lock() == ["1 done"]).await;

    // Stopping it takes longer than until the first renewal.
    *script.lost.lock() = Some("2".to_owned());
    script.jobs.lock().push_back(job("2", &workspace, pb::JobTransition::Stop));
    script.wake.notify_waiters();
    tokio::time::sleep(Duration::from_secs(60)).await;
    let other = SystemIds.next().to_string();
    script.jobs.lock().push_back(job("3", &other, pb::JobTransition::Stop));
    script.wake.notify_waiters();
    in_real_time("the next build is done", || script.reports.lock().len() == 2).await;
    assert_eq!(*script.reports.lock(), ["1 done", "3 done"]);
    tasks.shutdown().force();
    assert!(tasks.wait(Duration::from_secs(10)).await, "{:?}", tasks.running());
}

/// Waits without moving the paused time.
async fn in_real_time(what: &str, condition: impl Fn() -> bool) {
    for _ in 0..1500 {
        if condition() {
            return;
        }
        let pause = || std::thread::sleep(Duration::from_millis(10));
        tokio::task::spawn_blocking(pause).await.expect("slept");
    }
    panic!("not in time: {what}");
}
