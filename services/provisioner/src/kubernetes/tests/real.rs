//! A real cluster, where there is one.

use super::*;

/// How long one step may take: images are fetched.
const PATIENCE: Duration = Duration::from_secs(240);

/// E3: against the cluster of `KUBECONFIG`, in the namespace of `CHATMESH_TEST_KUBERNETES_NAMESPACE` or the context's
/// own. The agent is a shell script there, in the image of `CHATMESH_TEST_KUBERNETES_IMAGE` or `busybox:1.37`.
#[tokio::test(flavor = "multi_thread")]
async fn e3_a_workspace_lives_and_ends_in_a_real_cluster() {
    let variable = |name: &str| std::env::var_os(name).and_then(|value| value.into_string().ok());
    let Some(kubeconfig) = variable("KUBECONFIG").filter(|path| !path.is_empty()) else {
        eprintln!("SKIPPED: a real cluster: KUBECONFIG is not set, so only a simulated one is tested");
        return;
    };
    let image = variable("CHATMESH_TEST_KUBERNETES_IMAGE").unwrap_or_else(|| "busybox:1.37".to_owned());
    let script = "cd /chatmesh/bin; printf '#!/bin/sh\\nexec sleep 3600\\n' > chatmesh-agent; chmod 755 chatmesh-agent";
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
    let (kubernetes, id) = (Kubernetes::new(config), workspace());
    for job in [
        start(id, "one", &settings),
        start(id, "two", &settings),
        Job::for_test(id, Work::Stop),
        start(id, "three", &settings),
        Job::for_test(id, Work::Delete),
        Job::for_test(id, Work::Delete),
    ] {
        let run = run();
        let carried_out = Box::pin(crate::backend::carry_out(&kubernetes, &job, &run));
        let ended = tokio::time::timeout(PATIENCE, carried_out).await.expect("in time");
        ended.unwrap_or_else(|failure| panic!("{failure}\n{}", run.log.texts_for_test().join("\n")));
    }
    let cluster = kubernetes.cluster().await.expect("a cluster");
    let left = cluster.find::<PersistentVolumeClaim>(&cluster.namespace, &name_of(id)).await.expect("an answer");
    assert!(left.is_none(), "{left:?}");
}
