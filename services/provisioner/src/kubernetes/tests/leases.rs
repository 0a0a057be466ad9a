//! Leases that overlap: the first holder of a build has stalled, and another one has the build by now.

use super::*;

/// Where its Pod is, the second one has everything, whatever becomes of the first.
#[tokio::test(flavor = "multi_thread")]
async fn what_fails_late_takes_nothing_from_the_one_that_has_the_build_now() {
    let (world, id) = (World::new().await, workspace());
    world.server.hold(&name_of(id));
    let (first, second) = (world.kubernetes(), world.kubernetes());
    let (one, two) = (start(id, "one", LITTLE), start(id, "two", LITTLE));
    let overtake = async {
        world.server.has("pods", &name_of(id)).await;
        world.server.release(&name_of(id));
        carry_out(&second, &two, &run()).await.expect("started");
    };
    let given_up = run();
    let (failure, ()) = tokio::join!(failure_of(&first, &one, &given_up), overtake);
    assert!(failure.to_string().contains("deleted by somebody else"), "{failure}");
    assert!(!failure.left().nothing_runs, "the Pod of the second one runs, or is about to");
    assert_eq!(world.server.token(&name_of(id)).as_deref(), Some("two"));
    for part in ["secrets", "networkpolicies"] {
        assert!(world.server.find(part, &name_of(id)).is_some(), "{part}");
    }
}

fn plan<'a>(job: &'a Job, settings: &'a Settings, config: &'a Config) -> Plan<'a> {
    let Work::Start(agents) = &job.work else { panic!("it starts") };
    Plan {
        name: name_of(job.workspace_id),
        namespace: "workspaces".to_owned(),
        job,
        agents,
        lease: lease_of(agents),
        settings,
        config,
        authorities: None,
    }
}

/// Nor before it has a Pod.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_undone_late_is_not_what_another_lease_has_begun() {
    let (world, id) = (World::new().await, workspace());
    let kubernetes = world.kubernetes();
    let cluster = kubernetes.cluster().await.expect("a cluster");
    let (config, settings) = (world.config(), Settings::read(LITTLE).expect("settings"));
    let (one, two) = (start(id, "one", LITTLE), start(id, "two", LITTLE));
    let (first, second) = (plan(&one, &settings, &config), plan(&two, &settings, &config));
    for plan in [&first, &second] {
        cluster.apply(&cluster.namespace, &objects::secret(plan)).await.expect("made");
    }
    kubernetes.undo(cluster, &first).await.expect("undone");
    assert!(world.server.find("secrets", &name_of(id)).is_some());
    kubernetes.undo(cluster, &second).await.expect("undone");
    assert!(world.server.find("secrets", &name_of(id)).is_none());
}

/// A label is for everybody to see.
#[test]
fn a_lease_is_known_by_its_tokens_and_tells_none() {
    let of = |tokens: &[&str]| {
        let agents: Vec<_> = tokens.iter().map(|token| JobAgent::for_test("main", token)).collect();
        lease_of(&agents)
    };
    assert_eq!(of(&["one"]), of(&["one"]));
    for other in [&["two"][..], &["one", "two"], &["onetwo"], &["two", "one"]] {
        assert_ne!(of(&["one", ""]), of(other));
        assert_ne!(of(&["one"]), of(other));
    }
    assert!(of(&["one"]).len() == 40 && !of(&["one"]).contains("one"));
}
