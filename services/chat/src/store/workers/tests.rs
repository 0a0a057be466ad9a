use std::time::Duration;

use chatmesh_core::{Clock as _, IdSource as _, SystemClock, SystemIds};
use chatmesh_testkit::databases;

use super::*;
use crate::{MIGRATIONS, SqlChatStore};

#[tokio::test]
async fn a_worker_is_listed_as_it_last_announced_itself_until_it_is_forgotten() {
    for database in databases(MIGRATIONS).await {
        let workers = SqlChatStore::new(database.db.clone());
        let began = SystemClock.now();
        let (first, second) = (WorkerId(SystemIds.next()), WorkerId(SystemIds.next()));
        let later = began + Duration::from_secs(10);
        workers.announce(first, Some("http://10.0.0.1:7081"), 5, 10, began).await.expect("announced");
        workers.announce(second, None, 1, 2, began).await.expect("announced");
        workers.announce(first, Some("http://10.0.0.2:7081"), 0, 7, later).await.expect("announced");

        let address = workers.address_of(first).await.expect("readable");
        assert_eq!(address.as_deref(), Some("http://10.0.0.2:7081"), "{}", database.engine);
        assert_eq!(workers.address_of(second).await.expect("readable"), None, "it cannot be reached");
        assert_eq!(workers.address_of(WorkerId(SystemIds.next())).await.expect("readable"), None);

        let moved = LiveWorker {
            worker_id: first,
            address: Some("http://10.0.0.2:7081".to_owned()),
            free_roots: 0,
            free_subagents: 7,
            seen_at: later,
        };
        assert_eq!(workers.live(later).await.expect("readable"), std::slice::from_ref(&moved), "{}", database.engine);
        let ids: Vec<WorkerId> =
            workers.live(began).await.expect("readable").iter().map(|worker| worker.worker_id).collect();
        assert_eq!(ids, [first, second], "{}", database.engine);

        assert_eq!(workers.forget(later).await.expect("forgotten"), 1, "{}", database.engine);
        assert_eq!(workers.live(began).await.expect("readable"), [moved], "{}", database.engine);
    }
}
