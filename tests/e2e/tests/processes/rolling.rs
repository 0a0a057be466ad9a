//! A new version is rolled out while chats are in every phase of a turn.

use std::time::Duration;

use crate::harness::{CHAT_REPLICAS, Databases, LONG, Layout, Servers};
use crate::turns::{Leases, Phase, World};

/// How many chats there are of each phase.
const CHATS: usize = 15;
/// How long a chat may be nobody's.
const LIMIT: Duration = Duration::from_secs(5);

#[tokio::test(flavor = "multi_thread")]
async fn chats_resume_elsewhere_within_five_seconds_when_their_worker_is_told_to_end() {
    let Some(servers) = Servers::find() else { return };
    // Leases that would not expire in time: whoever takes a chat over was given it.
    let layout = Layout::from(Databases::Separate).chat_replicas(3).leases("10s", "60s");
    let mut world = World::start(&servers, layout).await;
    world.begin(&Phase::ALL, CHATS).await;
    println!("rolling restart of {} replicas, {} chats", CHAT_REPLICAS.len(), CHATS * Phase::ALL.len());
    for replica in CHAT_REPLICAS {
        let leases = Leases::read(&world.db).await;
        world.cluster.signal_end(replica);
        let end = async {
            let status = world.cluster.ended(replica, LONG).await;
            assert!(status.success(), "{replica}: {status}");
        };
        let handover = leases.watch_handover(&world.db, end).await;
        println!("  {replica}: {handover}");
        assert!(handover.slowest() < LIMIT, "{replica}: not within {LIMIT:?}: {handover:#?}");
        world.cluster.start_again(replica).await;
    }
    world.check().await;
}
