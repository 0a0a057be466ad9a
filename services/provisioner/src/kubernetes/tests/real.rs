//! A real cluster, where there is one: that of `KUBECONFIG`, in the namespace of `CHATMESH_TEST_KUBERNETES_NAMESPACE` or the
//! context's own. The agent is a shell script there, in the image of `CHATMESH_TEST_KUBERNETES_IMAGE` or `busybox:1.37`.

use kube::api::PostParams;

use super::*;
use crate::failure::Left;
use crate::job::JobAgent;

/// How long one step may take: images are fetched.
const PATIENCE: Duration = Duration::from_secs(240);

struct Real {
    kubernetes: Kubernetes,
    settings: String,
}

impl Real {
    /// Absent where there is no cluster.
    fn find() -> Option<Self> {
        let variable = |name: &str| std::env::var_os(name).and_then(|value| value.into_string().ok());
        let Some(kubeconfig) = variable("KUBECONFIG").filter(|path| !path.is_empty()) else {
            eprintln!("SKIPPED: a real cluster: KUBECONFIG is not set, so only a simulated one is tested");
            return None;
        };
        let image = variable("CHATMESH_TEST_KUBERNETES_IMAGE").unwrap_or_else(|| "busybox:1.37".to_owned());
        let script =
            "cd /chatmesh/bin; printf '#!/bin/sh\\nexec sleep 3600\\n' > chatmesh-agent; chmod 755 chatmesh-agent";
        let config = Config {
            agent_url: "https://mesh.example.com".to_owned(),
            stop_grace: Duration::from_secs(2),
            kubernetes: KubernetesConfig {
                kubeconfig: Some(kubeconfig.into()),
                namespace: variable("CHATMESH_TEST_KUBERNETES_NAMESPACE"),
                agent_image: image.clone(),
                agent_install: ["sh", "-c", script].map(str::to_owned).to_vec(),
                ..KubernetesConfig::default()
            },
            ..Config::default()
        };
        let settings = serde_json::json!({"image": image, "storage": {"size": "64Mi"}}).to_string();
        Some(Self { kubernetes: Kubernetes::new(config), settings })
    }

    async fn carry_out(&self, job: &Job, run: &Run) -> Result<(), Failure> {
        let carried_out = Box::pin(carry_out(&self.kubernetes, job, run));
        tokio::time::timeout(PATIENCE, carried_out).await.expect("in time")
    }

    async fn done(&self, job: &Job) {
        let run = run();
        let ended = self.carry_out(job, &run).await;
        ended.unwrap_or_else(|failure| panic!("{failure}\n{}", run.log.texts_for_test().join("\n")));
    }

    async fn has<K: cluster::Part>(&self, id: WorkspaceId) -> bool {
        let cluster = self.kubernetes.cluster().await.expect("a cluster");
        cluster.find::<K>(&cluster.namespace, &name_of(id)).await.expect("an answer").is_some()
    }
}

/// E3.
#[tokio::test(flavor = "multi_thread")]
async fn e3_a_workspace_lives_and_ends_in_a_real_cluster() {
    let (Some(real), id) = (Real::find(), workspace()) else { return };
    for token in ["one", "two"] {
        real.done(&start(id, token, &real.settings)).await;
        assert!(real.has::<Pod>(id).await && real.has::<Secret>(id).await && real.has::<NetworkPolicy>(id).await);
    }
    real.done(&Job::for_test(id, Work::Stop)).await;
    assert!(!real.has::<Pod>(id).await && !real.has::<Secret>(id).await && !real.has::<NetworkPolicy>(id).await);
    assert!(real.has::<PersistentVolumeClaim>(id).await, "the files stay");
    real.done(&start(id, "three", &real.settings)).await;
    for _ in 0..2 {
        real.done(&Job::for_test(id, Work::Delete)).await;
        assert!(!real.has::<PersistentVolumeClaim>(id).await);
    }
}

/// E3: what is said of a start that was given up decides over credits.
#[tokio::test(flavor = "multi_thread")]
async fn e3_a_start_that_is_given_up_leaves_nothing_in_a_real_cluster() {
    let (Some(real), id, run) = (Real::find(), workspace(), run()) else { return };
    let give_up = async {
        while !run.log.texts_for_test().iter().any(|line| line == "waiting for the Pod") {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        run.cancel.cancel();
    };
    let job = start(id, "one", r#"{"image": "registry.invalid/nothing:1"}"#);
    let (ended, ()) = tokio::join!(real.carry_out(&job, &run), give_up);
    let failure = ended.expect_err("given up");
    assert_eq!(failure.left(), Left { nothing_runs: true, not_undone: false }, "{:?}", run.log.texts_for_test());
    assert!(!real.has::<Pod>(id).await && !real.has::<Secret>(id).await && !real.has::<NetworkPolicy>(id).await);
}

/// E3: a template that says all that it may makes no part that is not understood.
#[tokio::test(flavor = "multi_thread")]
async fn e3_a_real_cluster_admits_every_part_of_a_full_template() {
    let Some(real) = Real::find() else { return };
    let cluster = real.kubernetes.cluster().await.expect("a cluster");
    let full = include_str!("../../../../workspaces/src/domain/manifest/tests/kubernetes_settings.json");
    let settings = Settings::read(full).expect("settings");
    // An account must be there when a Pod names it.
    let settings = Settings { service_account: None, ..settings };
    let agents = ["main", "dev-chat"].map(|name| JobAgent::for_test(name, "s3cret"));
    let job = Job::for_test(workspace(), Work::Start(agents.to_vec()));
    let plan = Plan {
        name: name_of(job.workspace_id),
        namespace: cluster.namespace.clone(),
        job: &job,
        agents: &agents,
        lease: lease_of(&agents),
        settings: &settings,
        config: &real.kubernetes.config,
        authorities: Some("-----BEGIN CERTIFICATE-----".to_owned()),
    };
    let secret = objects::secret(&plan);
    let owner = owner(&Secret {
        metadata: kube::api::ObjectMeta { uid: Some("u".to_owned()), ..secret.metadata.clone() },
        ..Secret::default()
    });
    let claim = objects::claim(&plan, settings.storage.as_ref().expect("a volume"));
    let admits = PostParams { dry_run: true, ..PostParams::default() };
    cluster.api(&plan.namespace).create(&admits, &secret).await.expect("the Secret");
    cluster.api(&plan.namespace).create(&admits, &objects::network_policy(&plan, &owner)).await.expect("the policy");
    cluster.api(&plan.namespace).create(&admits, &claim).await.expect("the volume");
    cluster.api(&plan.namespace).create(&admits, &objects::pod(&plan, Some(&owner))).await.expect("the Pod");
}
