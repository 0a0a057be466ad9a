//! The loop of a provisioner against a scripted service.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use chatmesh_core::{IdSource as _, SecretString, SystemClock, SystemIds};
use chatmesh_proto::provisioner::v1 as pb;
use chatmesh_proto::provisioner::v1::provisioner_service_server::{ProvisionerService, ProvisionerServiceServer};
use chatmesh_provisioner::{Config, Isolation, LocalConfig, Provisioner};
use chatmesh_rpc::assertion::ServiceSigner;
use chatmesh_rpc::client::Peer;
use chatmesh_runtime::Tasks;
use parking_lot::Mutex;
use tokio::sync::Notify;
use tonic::{Request, Response, Status};

/// Notes that it is up, and ends when it is asked to, unless it was told not to; at the latest with its files.
const AGENT: &str = "[ -e ../../stubborn ] && trap '' TERM; echo up > up; while [ -e up ]; do sleep 0.05; done";

/// Hands out jobs and keeps what it was told.
#[derive(Debug, Default)]
struct Script {
    jobs: Mutex<VecDeque<pb::Job>>,
    wake: Notify,
    holders: Mutex<Vec<String>>,
    /// Who asked for a job, and for what.
    asked: Mutex<BTreeMap<String, Vec<pb::JobTransition>>>,
    reports: Mutex<Vec<String>>,
    /// How many reports fail before one arrives.
    failures: Mutex<u32>,
    /// The build whose lease is somebody else's when it is renewed.
    lost: Mutex<Option<String>>,
    /// The builds that somebody wants to be given up.
    unwanted: Mutex<Vec<String>>,
    /// With what the agents of builds are started by hand.
    by_hand: Mutex<Vec<(String, HashMap<String, String>)>>,
    /// The log of each build, line by line.
    logs: Mutex<Vec<(String, pb::JobLogLine)>>,
}

fn take(jobs: &mut VecDeque<pb::Job>, is_taken: impl Fn(&pb::Job) -> bool) -> Option<pb::Job> {
    let place = jobs.iter().position(is_taken)?;
    jobs.remove(place)
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
        assert_eq!(request.provisioners, ["local", "external"]);
        let transitions: Vec<_> = request.transitions().collect();
        self.0.asked.lock().insert(request.provisioner_id.clone(), transitions.clone());
        let is_taken = |job: &pb::Job| transitions.is_empty() || transitions.contains(&job.transition());
        loop {
            let woken = self.0.wake.notified();
            if let Some(job) = take(&mut self.0.jobs.lock(), is_taken) {
                self.0.holders.lock().push(request.provisioner_id);
                return Ok(Response::new(pb::LeaseJobResponse { job: Some(job) }));
            }
            woken.await;
        }
    }

    async fn renew_lease(&self, r: Request<pb::RenewLeaseRequest>) -> Result<Response<pb::RenewLeaseResponse>, Status> {
        let build_id = r.into_inner().build_id;
        if self.0.lost.lock().as_ref() == Some(&build_id) {
            return Err(Status::aborted("somebody else's"));
        }
        let cancel_requested = self.0.unwanted.lock().contains(&build_id);
        Ok(Response::new(pb::RenewLeaseResponse { cancel_requested, ..Default::default() }))
    }

    async fn append_job_logs(
        &self,
        r: Request<pb::AppendJobLogsRequest>,
    ) -> Result<Response<pb::AppendJobLogsResponse>, Status> {
        let request = r.into_inner();
        let lines = request.lines.into_iter().map(|line| (request.build_id.clone(), line));
        self.0.logs.lock().extend(lines);
        Ok(Response::new(Default::default()))
    }

    async fn complete_job(
        &self,
        r: Request<pb::CompleteJobRequest>,
    ) -> Result<Response<pb::CompleteJobResponse>, Status> {
        let request = r.into_inner();
        if !request.agent_environment.is_empty() {
            self.0.by_hand.lock().push((request.build_id.clone(), request.agent_environment));
        }
        self.report(format!("{} done", request.build_id))?;
        Ok(Response::new(Default::default()))
    }

    async fn fail_job(&self, r: Request<pb::FailJobRequest>) -> Result<Response<pb::FailJobResponse>, Status> {
        let request = r.into_inner();
        let code = request.error_code().as_str_name().trim_start_matches("JOB_ERROR_CODE_");
        let left = if request.nothing_runs { ", nothing runs" } else { "" };
        self.report(format!("{} failed: {} {code}{left}", request.build_id, request.error))?;
        Ok(Response::new(Default::default()))
    }
}

fn provisioner(fake: &Fake, data_dir: &Path, tasks: &Tasks) -> Provisioner {
    provisioner_with(fake, data_dir, tasks, Config::default().slots)
}

fn provisioner_with(fake: &Fake, data_dir: &Path, tasks: &Tasks, slots: usize) -> Provisioner {
    let routes = tonic::service::Routes::new(ProvisionerServiceServer::new(fake.clone()));
    let secret = SecretString::from("a secret of the mesh");
    let signer = ServiceSigner::new("provisioner", &secret, Arc::new(SystemClock));
    let peer = Peer::new(chatmesh_rpc::local(routes.prepare()), signer);
    let config = Config {
        slots,
        data_dir: data_dir.to_owned(),
        agent_program: "/bin/sh".into(),
        agent_args: vec!["-c".to_owned(), AGENT.to_owned()],
        agent_url: "http://relay".to_owned(),
        otlp_endpoint: None,
        local: LocalConfig { isolation: Isolation::None, ..LocalConfig::default() },
        ..Config::default()
    };
    Provisioner::build(config, peer, tasks.clone(), &SystemIds, Arc::new(SystemClock)).expect("built")
}

fn job(build: &str, workspace: &str, transition: pb::JobTransition) -> pb::Job {
    pb::Job {
        build_id: build.to_owned(),
        workspace_id: workspace.to_owned(),
        agent_token: "token".to_owned(),
        transition: transition.into(),
        provisioner: "local".to_owned(),
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

    // What was done is in the log of each build before it ends, and the token is not.
    let logs = script.logs.lock().clone();
    let of = |build: &str| logs.iter().filter(|(id, _)| id == build).map(|(_, line)| line.clone()).collect::<Vec<_>>();
    for build in ["1", "2", "3"] {
        let lines = of(build);
        assert!(!lines.is_empty() && lines.iter().map(|line| line.number).eq(1..=lines.len() as u64), "{lines:?}");
        assert!(lines.iter().all(|line| line.time.is_some() && !line.text.contains("token")), "{lines:?}");
    }
    assert!(of("3")[0].text.contains("`../../etc` is not") && of("3")[0].stage == "build", "{:?}", of("3"));

    // Each slot leases under its own name.
    let holders = script.holders.lock().clone();
    assert_eq!(holders.len(), 3);
    assert!(holders.iter().all(|holder| holder.rsplit_once('-').is_some_and(|(_, slot)| slot.len() == 1)));

    tasks.shutdown().begin();
    assert!(tasks.wait(Duration::from_secs(10)).await, "{:?}", tasks.running());
    assert_eq!(tasks.crashed(), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn as_many_builds_are_asked_for_as_there_are_slots() {
    for slots in [1, 2, 6] {
        let directory = tempfile::tempdir().expect("a directory");
        let (fake, tasks) = (Fake(Arc::default()), Tasks::new());
        provisioner_with(&fake, directory.path(), &tasks, slots).start();
        eventually("all slots ask", || fake.0.asked.lock().len() >= slots).await;
        tasks.shutdown().begin();
        assert!(tasks.wait(Duration::from_secs(10)).await, "{:?}", tasks.running());
        let asked = fake.0.asked.lock().clone();
        assert_eq!(asked.len(), slots);
        let ends = vec![pb::JobTransition::Stop, pb::JobTransition::Delete];
        let kept_free = asked.values().filter(|transitions| **transitions == ends).count();
        let others = asked.values().filter(|transitions| transitions.is_empty()).count();
        assert_eq!((kept_free, others), if slots > 2 { (1, slots - 1) } else { (0, slots) });
    }
}

/// A start ends what runs before it, which takes minutes here.
#[tokio::test(flavor = "multi_thread")]
async fn stops_do_not_wait_for_starts_that_take_long() {
    let directory = tempfile::tempdir().expect("a directory");
    let workspaces = directory.path().join("workspaces");
    std::fs::create_dir(&workspaces).expect("made");
    std::fs::write(workspaces.join("stubborn"), "").expect("written");
    let (fake, tasks) = (Fake(Arc::default()), Tasks::new());
    let script = Arc::clone(&fake.0);
    let [first, second, third] = [(); 3].map(|()| SystemIds.next().to_string());
    let (start, delete) = (pb::JobTransition::Start, pb::JobTransition::Delete);
    script.jobs.lock().extend([job("1", &first, start), job("2", &second, start)]);
    provisioner_with(&fake, directory.path(), &tasks, 3).start();
    let up = |workspace: &str| workspaces.join(workspace).join("home/up").exists();
    eventually("the agents are up", || up(&first) && up(&second) && script.reports.lock().len() == 2).await;

    script.jobs.lock().extend([job("3", &first, start), job("4", &second, start), job("5", &third, delete)]);
    script.wake.notify_waiters();
    eventually("the deletion is done", || script.reports.lock().len() == 3).await;
    assert_eq!(script.reports.lock().last().map(String::as_str), Some("5 done"));
    tasks.shutdown().force();
    assert!(tasks.wait(Duration::from_secs(10)).await, "{:?}", tasks.running());
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

/// An agent of an earlier run that does not end keeps neither other workspaces nor other kinds waiting.
#[tokio::test(flavor = "multi_thread")]
async fn builds_do_not_wait_for_what_earlier_runs_have_left() {
    let directory = tempfile::tempdir().expect("a directory");
    let workspaces = directory.path().join("workspaces");
    std::fs::create_dir(&workspaces).expect("made");
    std::fs::write(workspaces.join("stubborn"), "").expect("written");
    let (fake, tasks) = (Fake(Arc::default()), Tasks::new());
    let script = Arc::clone(&fake.0);
    let (first, second) = (SystemIds.next().to_string(), SystemIds.next().to_string());
    script.jobs.lock().push_back(job("1", &first, pb::JobTransition::Start));
    provisioner(&fake, directory.path(), &tasks).start();
    let up = workspaces.join(&first).join("home/up");
    eventually("the agent is up", || up.exists() && !script.reports.lock().is_empty()).await;
    tasks.shutdown().force();
    assert!(tasks.wait(Duration::from_secs(10)).await, "{:?}", tasks.running());

    // The next run ends it, which takes minutes.
    let record = workspaces.join(&first).join("control/workspace.json");
    let text = std::fs::read_to_string(&record).expect("read").replace("\"running\"", "\"stopped\"");
    std::fs::write(&record, text).expect("written");
    let tasks = Tasks::new();
    script.jobs.lock().push_back(job("2", &second, pb::JobTransition::Start));
    script
        .jobs
        .lock()
        .push_back(pb::Job { provisioner: "external".to_owned(), ..job("3", &second, pb::JobTransition::Start) });
    provisioner(&fake, directory.path(), &tasks).start();
    eventually("both are done", || script.reports.lock().len() == 3).await;
    tasks.shutdown().force();
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

/// Stops a stubborn agent for ever, until it is told that nobody wants it.
#[tokio::test(start_paused = true)]
async fn a_build_that_nobody_wants_any_more_is_given_up_and_says_so() {
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

    script.unwanted.lock().push("2".to_owned());
    script.jobs.lock().push_back(job("2", &workspace, pb::JobTransition::Start));
    script.wake.notify_waiters();
    tokio::time::sleep(Duration::from_secs(30)).await;
    in_real_time("the build is given up", || script.reports.lock().len() == 2).await;
    let report = script.reports.lock()[1].clone();
    assert!(report.starts_with("2 failed: ") && report.ends_with(" CANCELED"), "{report}");
    tasks.shutdown().force();
    assert!(tasks.wait(Duration::from_secs(10)).await, "{:?}", tasks.running());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_this_provisioner_can_not_do_fails_with_what_to_do() {
    let directory = tempfile::tempdir().expect("a directory");
    let (fake, tasks) = (Fake(Arc::default()), Tasks::new());
    let script = Arc::clone(&fake.0);
    let workspace = SystemIds.next().to_string();
    for (build, kind, settings) in
        [("1", "kubernetes", "{}"), ("2", "local", r#"{"image": "x"}"#), ("3", "external", "")]
    {
        let (provisioner, settings) = (kind.to_owned(), settings.to_owned());
        script.jobs.lock().push_back(pb::Job {
            provisioner,
            settings,
            ..job(build, &workspace, pb::JobTransition::Start)
        });
    }
    provisioner(&fake, directory.path(), &tasks).start();
    eventually("all are reported", || script.reports.lock().len() == 3).await;
    let mut reports = script.reports.lock().clone();
    reports.sort();
    assert!(reports[0].contains("`kubernetes`: add it to provisioner.kinds UNSPECIFIED"), "{reports:?}");
    assert!(reports[1].ends_with("mend the template INVALID_TEMPLATE, nothing runs"), "{reports:?}");
    assert_eq!(reports[2], "3 done");
    let said = script.logs.lock().iter().any(|(id, line)| id == "3" && line.text.contains("is run by its owner"));
    assert!(said, "{:?}", script.logs.lock());
    let variables = [("CHATMESH_AGENT_URL", "http://relay"), ("CHATMESH_WORKSPACE_ID", &workspace)];
    let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned()));
    assert_eq!(*script.by_hand.lock(), [("3".to_owned(), HashMap::from(variables))], "with what the owner starts it");
    tasks.shutdown().begin();
    assert!(tasks.wait(Duration::from_secs(10)).await, "{:?}", tasks.running());
}
