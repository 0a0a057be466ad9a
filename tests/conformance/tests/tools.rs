//! What the store of MCP servers promises, on every engine.

use chatmesh_core::{Clock as _, IdSource as _, SystemClock, SystemIds};
use chatmesh_proto::tools::v1::McpServer;
use chatmesh_rpc::UserId;
use chatmesh_testkit::{TestDb, databases};
use chatmesh_tools::{
    GRANT_STATEMENTS, GrantRow, GrantStore as _, Inserted, LoginRow, MIGRATIONS, Reference, STATEMENTS, Server,
    ServerId, ServerStore as _, SqlGrantStore, SqlServerStore,
};
use futures::future::join_all;

struct World {
    engine: &'static str,
    store: SqlServerStore,
    grants: SqlGrantStore,
    _database: TestDb,
}

async fn worlds() -> Vec<World> {
    let world = |database: TestDb| World {
        engine: database.engine,
        store: SqlServerStore::new(database.db.clone()),
        grants: SqlGrantStore::new(database.db.clone()),
        _database: database,
    };
    databases(MIGRATIONS).await.into_iter().map(world).collect()
}

fn server(slug: &str, enabled: bool) -> Server {
    let now = SystemClock.now();
    Server {
        id: ServerId(SystemIds.next()),
        slug: slug.to_owned(),
        enabled,
        version: 1,
        settings: McpServer {
            url: "https://mcp.example.com/mcp".to_owned(),
            tool_deny_list: vec!["delete \"all\"".to_owned()],
            has_api_key: true,
            ..McpServer::default()
        },
        sealed_secrets: Some(vec![0, 1, 255]),
        created_at: now,
        updated_at: now,
    }
}

impl World {
    /// Where a user was granted something that is not dead.
    async fn granted(&self, user: UserId) -> Vec<ServerId> {
        let granted = self.grants.list(user).await.expect("listed");
        granted.into_iter().map(|grant| grant.server_id).collect()
    }

    async fn insert(&self, slug: &str, enabled: bool) -> Server {
        let server = server(slug, enabled);
        let inserted = self.store.insert(&server, None).await.expect("inserted");
        assert_eq!(inserted, Inserted::Created(server.clone()), "{}", self.engine);
        server
    }

    async fn get(&self, server: &Server) -> Option<Server> {
        self.store.find(&Reference::Id(server.id.0)).await.expect("asked")
    }

    async fn slugs(&self, only_enabled: bool, after: Option<ServerId>, limit: u32) -> Vec<String> {
        let listed = self.store.list(only_enabled, after, limit).await.expect("listed");
        listed.into_iter().map(|server| server.slug).collect()
    }
}

#[tokio::test]
async fn every_statement_is_valid() {
    chatmesh_testkit::statements_are_valid(MIGRATIONS, STATEMENTS).await;
    chatmesh_testkit::statements_are_valid(MIGRATIONS, GRANT_STATEMENTS).await;
}

#[tokio::test]
async fn a_server_is_found_as_it_was_written_by_both_of_its_names() {
    for world in worlds().await {
        let one = world.insert("one", true).await;
        assert_eq!(world.get(&one).await, Some(one.clone()), "{}", world.engine);
        let by_slug = world.store.find(&Reference::from("one")).await.expect("asked");
        assert_eq!(by_slug, Some(one), "{}", world.engine);
        assert_eq!(world.store.find(&Reference::from("two")).await.expect("asked"), None, "{}", world.engine);
    }
}

#[tokio::test]
async fn a_slug_is_taken_once_and_a_request_is_carried_out_once() {
    for world in worlds().await {
        let request = SystemIds.next();
        let first = server("one", true);
        let inserted = world.store.insert(&first, Some(request)).await.expect("inserted");
        assert_eq!(inserted, Inserted::Created(first.clone()), "{}", world.engine);
        let again = world.store.insert(&server("one", true), Some(request)).await.expect("asked");
        assert_eq!(again, Inserted::Repeated(first), "{}", world.engine);
        let other = world.store.insert(&server("one", true), Some(SystemIds.next())).await.expect("asked");
        assert_eq!(other, Inserted::SlugTaken, "{}", world.engine);
        let attempts = join_all((0..8).map(async |_| world.store.insert(&server("two", true), None).await)).await;
        let created = attempts.into_iter().filter(|inserted| matches!(inserted, Ok(Inserted::Created(_)))).count();
        assert_eq!(created, 1, "{}", world.engine);
    }
}

#[tokio::test]
async fn servers_are_listed_oldest_first_and_those_that_are_off_apart() {
    for world in worlds().await {
        let one = world.insert("one", true).await;
        world.insert("two", false).await;
        world.insert("three", true).await;
        assert_eq!(world.slugs(false, None, 10).await, ["one", "two", "three"], "{}", world.engine);
        assert_eq!(world.slugs(true, None, 10).await, ["one", "three"], "{}", world.engine);
        assert_eq!(world.slugs(false, Some(one.id), 1).await, ["two"], "{}", world.engine);
        assert_eq!(world.slugs(true, Some(one.id), 1).await, ["three"], "{}", world.engine);
    }
}

#[tokio::test]
async fn of_changes_that_are_made_at_once_one_counts() {
    for world in worlds().await {
        let one = world.insert("one", true).await;
        let changes: Vec<Server> = (0..8)
            .map(|number| {
                let settings = McpServer { description: number.to_string(), ..one.settings.clone() };
                Server { version: 2, enabled: false, settings, sealed_secrets: None, ..one.clone() }
            })
            .collect();
        let written =
            join_all(changes.iter().map(async |change| world.store.update(change).await.expect("asked"))).await;
        assert_eq!(written.iter().filter(|written| **written).count(), 1, "{}: {written:?}", world.engine);
        let counts = written.iter().position(|written| *written).expect("one");
        assert_eq!(world.get(&one).await.as_ref(), Some(&changes[counts]), "{}", world.engine);
    }
}

#[tokio::test]
async fn a_server_is_deleted_once() {
    for world in worlds().await {
        let one = world.insert("one", true).await;
        assert_eq!(world.store.delete(one.id).await.expect("asked"), Some(Vec::new()), "{}", world.engine);
        assert_eq!(world.store.delete(one.id).await.expect("asked"), None, "{}", world.engine);
        assert_eq!(world.get(&one).await, None, "{}", world.engine);
        assert!(!world.store.update(&Server { version: 2, ..one }).await.expect("asked"), "{}", world.engine);
    }
}

fn grant(server: &Server, user: UserId, version: u32, sealed: &[u8]) -> GrantRow {
    GrantRow {
        server_id: server.id,
        user_id: user,
        version,
        sealed: sealed.to_vec(),
        is_dead: false,
        renewing_until: None,
        updated_at: server.updated_at,
    }
}

#[tokio::test]
async fn of_renewals_of_a_grant_that_are_made_at_once_one_counts() {
    for world in worlds().await {
        let (one, user) = (world.insert("one", true).await, UserId(SystemIds.next()));
        world.grants.put(&grant(&one, user, 1, b"first")).await.expect("written");
        let renewals: Vec<GrantRow> = (0..8_u8).map(|number| grant(&one, user, 2, &[number])).collect();
        let replaced = renewals.iter().map(async |renewal| world.grants.replace(renewal).await.expect("asked"));
        let replaced = join_all(replaced).await;
        assert_eq!(replaced.iter().filter(|replaced| **replaced).count(), 1, "{}: {replaced:?}", world.engine);
        let counts = replaced.iter().position(|replaced| *replaced).expect("one");
        let kept = world.grants.get(one.id, user).await.expect("asked");
        assert_eq!(kept.as_ref(), Some(&renewals[counts]), "{}", world.engine);

        // Who connects again replaces whatever there is, and a renewal that is on the way counts no more.
        world.grants.put(&grant(&one, user, 1, b"anew")).await.expect("written");
        assert!(!world.grants.replace(&grant(&one, user, 3, b"late")).await.expect("asked"), "{}", world.engine);
        let kept = world.grants.get(one.id, user).await.expect("asked").expect("there");
        assert_eq!((kept.version, &*kept.sealed), (3, &b"anew"[..]), "{}", world.engine);
    }
}

#[tokio::test]
async fn grants_are_a_users_own_and_go_with_their_server() {
    for world in worlds().await {
        let (one, two) = (world.insert("one", true).await, world.insert("two", true).await);
        let (ann, bob) = (UserId(SystemIds.next()), UserId(SystemIds.next()));
        for (server, user) in [(&one, ann), (&two, ann), (&one, bob)] {
            world.grants.put(&grant(server, user, 1, b"x")).await.expect("written");
        }
        let dead = GrantRow { is_dead: true, ..grant(&two, ann, 2, b"x") };
        assert!(world.grants.replace(&dead).await.expect("asked"));
        assert_eq!(world.granted(ann).await, [one.id], "{}", world.engine);
        let forgotten = world.grants.forget(one.id, ann).await.expect("forgotten");
        assert_eq!(forgotten, Some(grant(&one, ann, 1, b"x")), "{}: it can be taken back", world.engine);
        assert_eq!(world.grants.forget(one.id, ann).await.expect("asked"), None, "{}: once", world.engine);
        assert_eq!(world.grants.get(one.id, ann).await.expect("asked"), None, "{}", world.engine);
        assert_eq!(world.granted(bob).await, [one.id], "{}", world.engine);
        let granted = world.store.delete(one.id).await.expect("deleted");
        assert_eq!(
            granted,
            Some(vec![grant(&one, bob, 1, b"x")]),
            "{}: what is forgotten is not taken back",
            world.engine
        );
        assert_eq!(world.grants.get(one.id, bob).await.expect("asked"), None, "{}", world.engine);
    }
}

#[tokio::test]
async fn of_all_who_would_renew_a_grant_one_does_until_it_is_done_or_takes_too_long() {
    for world in worlds().await {
        let (one, user) = (world.insert("one", true).await, UserId(SystemIds.next()));
        let first = grant(&one, user, 1, b"first");
        world.grants.put(&first).await.expect("written");
        let now = one.created_at;
        let (soon, later) = (now + std::time::Duration::from_secs(45), now + std::time::Duration::from_secs(90));
        let claim = async |grant: &GrantRow, now, until| world.grants.claim(grant, now, until).await.expect("asked");
        let claims = join_all((0..8).map(async |_| claim(&first, now, soon).await)).await;
        assert_eq!(claims.into_iter().filter(|claimed| *claimed).count(), 1, "{}", world.engine);
        let kept = world.grants.get(one.id, user).await.expect("asked").expect("there");
        assert_eq!((kept.renewing_until, kept.version), (Some(soon), 1), "{}", world.engine);

        assert!(claim(&first, soon, later).await, "{}: whoever takes too long has lost it", world.engine);
        world.grants.release(&first).await.expect("released");
        assert!(claim(&first, now, soon).await, "{}: it was given up", world.engine);
        let renewed = grant(&one, user, 2, b"second");
        assert!(world.grants.replace(&renewed).await.expect("asked"), "{}", world.engine);
        assert_eq!(world.grants.get(one.id, user).await.expect("asked"), Some(renewed.clone()), "{}", world.engine);
        assert!(!claim(&first, now, soon).await, "{}: it is another one", world.engine);

        let dead = GrantRow { is_dead: true, ..grant(&one, user, 3, b"second") };
        assert!(world.grants.replace(&dead).await.expect("asked"), "{}", world.engine);
        assert!(!claim(&dead, now, soon).await, "{}: it is of no use any more", world.engine);
        world.grants.put(&grant(&one, user, 1, b"anew")).await.expect("written");
        let anew = grant(&one, user, 4, b"anew");
        assert_eq!(world.grants.get(one.id, user).await.expect("asked"), Some(anew.clone()), "{}", world.engine);
        assert!(claim(&anew, now, soon).await, "{}", world.engine);
        world.grants.forget(one.id, user).await.expect("forgotten");
        assert!(!claim(&anew, soon, later).await, "{}: it was taken back", world.engine);
    }
}

/// A renewal that is on the way for one account is never taken for the next one's.
#[tokio::test]
async fn a_grant_that_was_forgotten_leaves_nothing_but_its_version() {
    for world in worlds().await {
        let (one, user) = (world.insert("one", true).await, UserId(SystemIds.next()));
        world.grants.put(&grant(&one, user, 1, b"first account")).await.expect("written");
        for _ in 0..2 {
            world.grants.forget(one.id, user).await.expect("forgotten");
            assert_eq!(world.grants.get(one.id, user).await.expect("asked"), None, "{}", world.engine);
            assert_eq!(world.granted(user).await, [], "{}", world.engine);
        }
        let late = grant(&one, user, 3, b"first account");
        assert!(!world.grants.replace(&late).await.expect("asked"), "{}: there is none", world.engine);
        world.grants.put(&grant(&one, user, 1, b"second account")).await.expect("written");
        let kept = world.grants.get(one.id, user).await.expect("asked").expect("there");
        assert_eq!((kept.version, &*kept.sealed), (3, &b"second account"[..]), "{}", world.engine);
        let late = grant(&one, user, 2, b"first account");
        assert!(!world.grants.replace(&late).await.expect("asked"), "{}", world.engine);
    }
}

#[tokio::test]
async fn a_server_that_is_another_one_forgets_its_users_and_those_who_are_on_the_way() {
    for world in worlds().await {
        let (one, two) = (world.insert("one", true).await, world.insert("two", true).await);
        let user = UserId(SystemIds.next());
        let login = LoginRow {
            id: SystemIds.next(),
            server_id: one.id,
            user_id: user,
            sealed: b"verifier".to_vec(),
            created_at: one.created_at,
        };
        for server in [&one, &two] {
            world.grants.put(&grant(server, user, 1, b"x")).await.expect("written");
        }
        world.grants.insert_login(&login, one.created_at).await.expect("written");

        let outdated = Server { version: 5, ..one.clone() };
        assert_eq!(world.store.replace(&outdated).await.expect("asked"), None, "{}", world.engine);
        let list = async || world.granted(user).await;
        assert_eq!(list().await, [one.id, two.id], "{}: nothing was written", world.engine);

        let changed = Server { version: 2, slug: "one".to_owned(), enabled: false, ..one.clone() };
        let granted = world.store.replace(&changed).await.expect("asked");
        assert_eq!(granted, Some(vec![grant(&one, user, 1, b"x")]), "{}", world.engine);
        assert_eq!(world.get(&one).await, Some(changed), "{}", world.engine);
        assert_eq!(list().await, [two.id], "{}", world.engine);
        let taken = world.grants.take_login(login.id, one.id, user, one.created_at).await.expect("asked");
        assert_eq!(taken, None, "{}", world.engine);
    }
}

/// Whoever is first, nobody waits for the other in a circle, and what users were granted is told once.
#[tokio::test]
async fn a_server_can_be_moved_and_deleted_at_once() {
    for world in worlds().await {
        for number in 0..20 {
            let one = world.insert(&format!("one{number}"), true).await;
            for _ in 0..5 {
                world.grants.put(&grant(&one, UserId(SystemIds.next()), 1, b"x")).await.expect("written");
            }
            let moved = Server { version: 2, ..one.clone() };
            let (replaced, deleted) = futures::join!(world.store.replace(&moved), world.store.delete(one.id));
            let (replaced, deleted) = (replaced.expect("moved"), deleted.expect("deleted").expect("it was there"));
            let told = replaced.map_or(0, |granted| granted.len()) + deleted.len();
            assert_eq!((told, world.get(&one).await), (5, None), "{}", world.engine);
        }
    }
}

#[tokio::test]
async fn a_login_is_taken_once_by_its_user_and_in_time() {
    for world in worlds().await {
        let (one, user) = (world.insert("one", true).await, UserId(SystemIds.next()));
        let began = one.created_at;
        let login =
            |id| LoginRow { id, server_id: one.id, user_id: user, sealed: b"verifier".to_vec(), created_at: began };
        let (first, second) = (login(SystemIds.next()), login(SystemIds.next()));
        world.grants.insert_login(&first, began).await.expect("written");
        let take = async |user, not_before| world.grants.take_login(first.id, one.id, user, not_before).await;
        assert_eq!(take(UserId(SystemIds.next()), began).await.expect("asked"), None, "{}", world.engine);
        let later = began + std::time::Duration::from_secs(1);
        assert_eq!(take(user, later).await.expect("asked"), None, "{}", world.engine);
        let taken = join_all((0..4).map(async |_| take(user, began).await.expect("asked"))).await;
        assert_eq!(taken.into_iter().flatten().collect::<Vec<_>>(), std::slice::from_ref(&first), "{}", world.engine);

        world.grants.insert_login(&first, began).await.expect("written again");
        world.grants.insert_login(&second, later).await.expect("written");
        assert_eq!(take(user, began).await.expect("asked"), None, "{}: old ones are forgotten", world.engine);
    }
}
