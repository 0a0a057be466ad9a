use super::super::agent::tests::agent;
use super::super::{Build, BuildId, BuildStatus, Lifecycle, Manifest, ManifestFormat, VersionInfo, Workspace};
use super::*;

/// As where nothing has failed before.
fn plan(pools: &[Pool], there: &[WorkspaceDetails], now: Timestamp) -> Vec<Step> {
    super::plan(pools, there, &PoolRetries::default(), now)
}

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_timestamp(seconds, 0).expect("a time")
}

fn version(id: u128, manifest: &str) -> TemplateVersion {
    let info = VersionInfo {
        id: TemplateVersionId(Uuid::from_u128(id)),
        template_id: TemplateId(Uuid::nil()),
        number: 1,
        message: String::new(),
        created_at: at(0),
        created_by: None,
    };
    let manifest = Manifest::read(ManifestFormat::Toml, manifest).expect("a manifest");
    TemplateVersion { info, manifest, readme: String::new() }
}

fn pool(instances: u32) -> Vec<Pool> {
    pools(&version(1, &format!("[[presets]]\nname = 'a'\nprebuilds = {{ instances = {instances} }}")))
}

/// A workspace that was made in advance and got so far at second 0.
fn workspace(name: &str, status: BuildStatus) -> WorkspaceDetails {
    let id = WorkspaceId(Uuid::from_u128(name.bytes().fold(1, |id, byte| id * 31 + u128::from(byte))));
    let workspace = Workspace {
        id,
        owner_id: PREBUILD_OWNER,
        name: name.to_owned(),
        template_id: TemplateId(Uuid::nil()),
        template: "go".to_owned(),
        deleted: false,
        ttl_seconds: Some(0),
        last_used_at: None,
        created_at: at(0),
        updated_at: at(0),
    };
    let build = Build::new(BuildId(Uuid::nil()), id, 1, Transition::Start, at(0));
    let completed_at = status.has_ended().then(|| at(0));
    WorkspaceDetails { workspace, build: Build { status, completed_at, ..build }, agents: Vec::new() }
}

fn with_agent(state: LifecycleState, last_connected: Option<i64>) -> WorkspaceDetails {
    let name = &pool(1)[0].places()[0];
    let lifecycle = Lifecycle { state, changed_at: Some(at(0)), message: String::new() };
    let agents = vec![Agent { lifecycle, ..agent(last_connected, None) }];
    WorkspaceDetails { agents, ..workspace(name, BuildStatus::Succeeded) }
}

#[test]
fn each_preset_that_asks_for_it_has_a_pool_with_places_of_its_own() {
    let manifest = "[[presets]]\nname = 'a'\nprebuilds = { instances = 2 }\n[[presets]]\nname = 'b'\n\
                    [[presets]]\nname = 'c'\nprebuilds = { instances = 0 }\n\
                    [[presets]]\nname = 'd'\nprebuilds = { instances = 100 }\n";
    let found = pools(&version(1, manifest));
    assert_eq!(
        found.iter().map(|pool| (pool.preset.as_str(), pool.instances)).collect::<Vec<_>>(),
        [("a", 2), ("d", 100)]
    );
    let mut names: Vec<String> = found.iter().flat_map(Pool::places).collect();
    names.extend(pools(&version(2, manifest)).iter().flat_map(Pool::places));
    let count = names.len();
    names.sort();
    names.dedup();
    assert_eq!((count, names.len()), (204, 204), "no two places have one name");
    assert!(names.iter().all(|name| super::super::is_name(name)), "{names:?}");
}

#[test]
fn a_pool_is_filled_once_and_what_is_of_none_is_deleted() {
    let pools = pool(3);
    let places = pools[0].places();
    let make = |place: &String| Step::Make(pools[0].clone(), place.clone());
    assert_eq!(plan(&pools, &[], at(0)), places.iter().map(make).collect::<Vec<_>>());
    let there = [workspace(&places[1], BuildStatus::Running), workspace("prebuild-old-0", BuildStatus::Succeeded)];
    let expected = [Step::Delete(there[1].workspace.id), make(&places[0]), make(&places[2])];
    assert_eq!(plan(&pools, &there, at(0)), expected);
    // What is being made is waited for before it is deleted.
    let there = [workspace("prebuild-old-0", BuildStatus::Running), workspace("prebuild-old-1", BuildStatus::Pending)];
    assert_eq!(plan(&[], &there, at(0)), []);
}

/// B.4: what failed is tried again, and not all the time.
#[test]
fn what_failed_keeps_its_place_for_a_while() {
    let pools = pool(1);
    let name = &pools[0].places()[0];
    for status in [BuildStatus::Failed, BuildStatus::Canceled] {
        let there = [workspace(name, status)];
        assert_eq!(plan(&pools, &there, at(299)), [], "{status:?}");
        assert_eq!(plan(&pools, &there, at(300)), [Step::Delete(there[0].workspace.id)], "{status:?}");
    }
}

#[test]
fn what_runs_and_can_not_be_claimed_is_made_anew_after_a_while() {
    use LifecycleState::{Created, Ready, StartError, Starting};
    let pools = pool(1);
    for (state, last_connected, when, broken) in [
        (Ready, Some(1000), 1000, false),
        (Starting, Some(1000), 1000, false),
        (Created, Some(1000), 1000, false),
        (StartError, Some(299), 299, false),
        (StartError, Some(300), 300, true),
        // It never connected.
        (Created, None, 100, false),
        (Created, None, 300, true),
        // It is away, as all of them are while a relay starts anew.
        (Ready, Some(1000), 1299, false),
        (Ready, Some(1000), 1300, true),
    ] {
        let there = [with_agent(state, last_connected)];
        let expected: &[Step] = if broken { &[Step::Delete(there[0].workspace.id)] } else { &[] };
        assert_eq!(plan(&pools, &there, at(when)), expected, "{state:?} {last_connected:?} at {when}");
    }
}

/// C.1: an agent that may take longer than the pause to connect is waited for.
#[test]
fn what_its_template_gives_longer_to_connect_is_not_made_anew_before() {
    let pools = pool(1);
    let mut waiting = with_agent(LifecycleState::Created, None);
    waiting.agents[0].connection_timeout = Some(Duration::from_secs(900));
    let there = [waiting];
    let mut retries = PoolRetries::default();
    for (when, failed) in [(300, false), (900, false), (901, true)] {
        let expected: &[Step] = if failed { &[Step::Delete(there[0].workspace.id)] } else { &[] };
        assert_eq!(plan(&pools, &there, at(when)), expected, "at {when}");
        retries.observe(&pools, &there, at(when));
        assert_eq!(retries.has_failures(&pools[0]), failed, "at {when}");
    }
}

/// An agent that is never late for people is one for the pool: nobody looks at what waits there.
#[test]
fn what_never_connects_does_not_keep_its_place_for_ever() {
    let mut waiting = with_agent(LifecycleState::Created, None);
    waiting.agents[0].connection_timeout = Some(Duration::ZERO);
    let there = [waiting];
    for (when, broken) in [(419, false), (420, true)] {
        let expected: &[Step] = if broken { &[Step::Delete(there[0].workspace.id)] } else { &[] };
        assert_eq!(plan(&pool(1), &there, at(when)), expected, "at {when}");
    }
}

/// Places that fail one after the other are one try of the pool.
#[test]
fn the_pause_grows_once_for_all_places_of_a_pool() {
    let pools = pool(2);
    let places = pools[0].places();
    let mut retries = PoolRetries::default();
    let failed = |place: usize, begun: i64, ended: i64| {
        let details = workspace(&places[place], BuildStatus::Failed);
        let build = Build { created_at: at(begun), completed_at: Some(at(ended)), ..details.build };
        WorkspaceDetails { build, ..details }
    };
    let mut pause_after = |now: i64, there: &[WorkspaceDetails]| {
        retries.observe(&pools, there, at(now));
        retries.pause(pools.first()).as_secs()
    };
    assert_eq!(pause_after(10, &[failed(0, 0, 10)]), 300);
    assert_eq!(pause_after(100, &[failed(0, 0, 10), failed(1, 0, 100)]), 300);
    assert_eq!(pause_after(320, &[failed(0, 310, 320), failed(1, 0, 100)]), 600, "the second try");
    assert_eq!(pause_after(800, &[failed(0, 310, 320), failed(1, 700, 790)]), 600, "which this is a part of");
    assert_eq!(pause_after(940, &[failed(0, 921, 931), failed(1, 700, 790)]), 1200);
}

/// B.4: what always fails is tried less and less often, until it is ready once.
#[test]
fn the_pause_grows_while_the_workspaces_of_a_pool_fail() {
    let pools = pool(2);
    let places = pools[0].places();
    let mut retries = PoolRetries::default();
    let mut begun = 0;
    let failed = |begun: i64| {
        places.iter().map(move |name| {
            let details = workspace(name, BuildStatus::Failed);
            let build = Build { created_at: at(begun), completed_at: Some(at(begun + 10)), ..details.build };
            WorkspaceDetails { build, ..details }
        })
    };
    for pause in [300, 600, 1200, 2400, 4800, 7200, 7200, 7200] {
        let there: Vec<_> = failed(begun).collect();
        for look in [20, 30, pause] {
            retries.observe(&pools, &there, at(begun + look));
        }
        let deleted = |now| super::plan(&pools, &there, &retries, at(now)).len();
        assert_eq!((deleted(begun + 9 + pause), deleted(begun + 10 + pause)), (0, 2), "{pause}");
        begun += 10 + pause;
        retries.observe(&pools, &[], at(begun));
    }
    let other = pools_of_another_version();
    assert_eq!(retries.pause(other.first()), Duration::from_secs(300), "each pool has its own");
    retries.observe(&pools, &[with_agent(LifecycleState::Ready, Some(begun))], at(begun));
    assert_eq!(retries.pause(pools.first()), Duration::from_secs(300), "what is past is past");
    let there = [with_agent(LifecycleState::StartError, Some(begun))];
    for (looks, pause) in [(1, 300), (2, 300)] {
        retries.observe(&pools, &there, at(begun + looks));
        assert_eq!(retries.pause(pools.first()), Duration::from_secs(pause), "{looks}");
    }
}

fn pools_of_another_version() -> Vec<Pool> {
    pools(&version(2, "[[presets]]\nname = 'a'\nprebuilds = { instances = 1 }"))
}
