//! What the store of users promises, on every engine.

use std::collections::HashSet;
use std::time::Duration;

use chatmesh_core::{Clock as _, IdSource as _, SystemClock, SystemIds, Timestamp};
use chatmesh_db::Sql;
use chatmesh_identity::{
    IdentityStore as _, Inserted, MIGRATIONS, NewToken, STATEMENTS, SigningKey, SqlIdentityStore, Token, TokenId,
    TokenSecret, User,
};
use chatmesh_rpc::{Role, UserId};
use chatmesh_testkit::{TestDb, databases};
use futures::future::join_all;

/// A store without users, at one moment.
struct World {
    engine: &'static str,
    store: SqlIdentityStore,
    now: Timestamp,
    database: TestDb,
}

async fn worlds() -> Vec<World> {
    let databases = databases(MIGRATIONS).await.into_iter();
    let world = |database: TestDb| World {
        engine: database.engine,
        store: SqlIdentityStore::new(database.db.clone()),
        now: SystemClock.now(),
        database,
    };
    databases.map(world).collect()
}

impl World {
    fn new_user(&self, name: &str) -> User {
        User { id: UserId(SystemIds.next()), name: name.to_owned(), role: Role::Member, created_at: self.now }
    }

    async fn insert(&self, name: &str) -> User {
        let user = self.new_user(name);
        assert_eq!(self.store.insert_user(&user, None).await.expect("inserted"), Inserted::Created, "{}", self.engine);
        user
    }

    fn new_token(&self, user: UserId, secret: &str, expires_at: Option<Timestamp>) -> NewToken {
        let id = TokenId(SystemIds.next());
        let token = Token { id, user_id: user, name: "ci – 持続的".to_owned(), created_at: self.now, expires_at };
        NewToken { token, digest: TokenSecret::digest(secret) }
    }

    async fn insert_token(&self, user: UserId, secret: &str, expires_at: Option<Timestamp>) -> Token {
        let new = self.new_token(user, secret, expires_at);
        self.store.insert_token(&new).await.expect("inserted");
        new.token
    }

    async fn user_of(&self, secret: &str, now: Timestamp) -> Option<User> {
        self.store.find_user_by_token(&TokenSecret::digest(secret), now).await.expect("asked")
    }

    fn new_key(&self, byte: u8) -> SigningKey {
        SigningKey { id: SystemIds.next(), pkcs8: vec![byte, 0, 255], public_key: vec![byte; 32], created_at: self.now }
    }
}

#[tokio::test]
async fn every_statement_is_valid() {
    chatmesh_testkit::statements_are_valid(MIGRATIONS, STATEMENTS).await;
}

#[tokio::test]
async fn users_are_found_by_what_they_are_called_and_listed_in_order() {
    for world in worlds().await {
        let admin = User { role: Role::Admin, ..world.new_user("admin") };
        assert_eq!(world.store.insert_user(&admin, None).await.expect("inserted"), Inserted::Created);
        let mut users = vec![admin];
        for number in 0..4 {
            users.push(world.insert(&format!("user-{number}")).await);
        }
        for user in &users {
            assert_eq!(world.store.get_user(user.id).await.expect("asked").as_ref(), Some(user), "{}", world.engine);
            let found = world.store.find_user_by_name(&user.name).await.expect("asked");
            assert_eq!(found.as_ref(), Some(user), "{}", world.engine);
        }
        assert_eq!(world.store.get_user(UserId(SystemIds.next())).await.expect("asked"), None);
        assert_eq!(world.store.find_user_by_name("nobody").await.expect("asked"), None);
        assert_eq!(world.store.find_user_by_name("ADMIN").await.expect("asked"), None, "{}", world.engine);

        let list = async |after, limit| world.store.list_users(after, limit).await.expect("listed");
        assert_eq!(list(None, 10).await, users, "{}", world.engine);
        assert_eq!(list(None, 2).await, users[..2], "{}", world.engine);
        assert_eq!(list(Some(users[1].id), 2).await, users[2..4], "{}", world.engine);
        assert_eq!(list(Some(users[4].id), 2).await, [], "{}", world.engine);
    }
}

#[tokio::test]
async fn of_many_users_with_one_name_one_is_made() {
    for world in worlds().await {
        let users: Vec<_> = (0..16).map(|_| world.new_user("alice")).collect();
        let results = join_all(users.iter().map(|user| world.store.insert_user(user, Some(SystemIds.next())))).await;
        let results: Vec<_> = results.into_iter().map(|result| result.expect("asked")).collect();
        let made = results.iter().filter(|result| **result == Inserted::Created).count();
        let taken = results.iter().filter(|result| **result == Inserted::NameTaken).count();
        assert_eq!((made, taken), (1, 15), "{}: {results:?}", world.engine);
        assert_eq!(world.store.list_users(None, 100).await.expect("listed").len(), 1, "{}", world.engine);
    }
}

#[tokio::test]
async fn the_same_request_again_has_the_first_user() {
    for world in worlds().await {
        let request = Some(SystemIds.next());
        let users: Vec<_> = (0..16).map(|_| world.new_user("alice")).collect();
        let results = join_all(users.iter().map(|user| world.store.insert_user(user, request))).await;
        let results: Vec<_> = results.into_iter().map(|result| result.expect("asked")).collect();
        let made = results.iter().position(|result| *result == Inserted::Created).expect("one was made");
        for (number, result) in results.iter().enumerate().filter(|(number, _)| *number != made) {
            assert_eq!(*result, Inserted::Repeated(users[made].clone()), "{}: {number}", world.engine);
        }
        let renamed = world.store.insert_user(&world.new_user("bob"), request).await.expect("asked");
        assert_eq!(renamed, Inserted::Repeated(users[made].clone()), "{}", world.engine);
        let other = world.store.insert_user(&world.new_user("alice"), Some(SystemIds.next())).await.expect("asked");
        assert_eq!(other, Inserted::NameTaken, "{}", world.engine);
        let bob = world.store.insert_user(&world.new_user("bob"), None).await.expect("asked");
        assert_eq!(bob, Inserted::Created, "{}: the repeat made no bob", world.engine);
    }
}

#[tokio::test]
async fn a_token_works_until_it_expires() {
    for world in worlds().await {
        let alice = world.insert("alice").await;
        let expires_at = world.now + Duration::from_secs(60);
        world.insert_token(alice.id, "short", Some(expires_at)).await;
        world.insert_token(alice.id, "endless", None).await;

        let user_of = async |secret: &str, now| world.user_of(secret, now).await;
        let last = expires_at - Duration::from_micros(1);
        assert_eq!(user_of("short", last).await.as_ref(), Some(&alice), "{}", world.engine);
        assert_eq!(user_of("short", expires_at).await, None, "{}: at its end it works no more", world.engine);
        let century = world.now + Duration::from_secs(100 * 365 * 86_400);
        assert_eq!(user_of("endless", century).await, Some(alice), "{}", world.engine);
        assert_eq!(user_of("unknown", world.now).await, None, "{}", world.engine);
        assert_eq!(world.store.find_user_by_token(b"", world.now).await.expect("asked"), None);
    }
}

#[tokio::test]
async fn tokens_belong_to_one_user() {
    for world in worlds().await {
        let (alice, bob) = (world.insert("alice").await, world.insert("bob").await);
        let mut tokens = Vec::new();
        for number in 0..3 {
            let expires_at = Some(world.now + Duration::from_secs(number));
            tokens.push(world.insert_token(alice.id, &format!("alice-{number}"), expires_at).await);
            world.insert_token(bob.id, &format!("bob-{number}"), None).await;
        }
        let list = async |after, limit| world.store.list_tokens(alice.id, after, limit).await.expect("listed");
        assert_eq!(list(None, 10).await, tokens, "{}", world.engine);
        assert_eq!(list(None, 2).await, tokens[..2], "{}", world.engine);
        assert_eq!(list(Some(tokens[0].id), 10).await, tokens[1..], "{}", world.engine);
        assert_eq!(world.user_of("bob-1", world.now).await.as_ref(), Some(&bob), "{}", world.engine);

        let delete = async |user: &User, id| world.store.delete_token(user.id, id).await.expect("asked");
        assert!(!delete(&bob, tokens[2].id).await, "{}: it is not his", world.engine);
        assert!(world.user_of("alice-2", world.now).await.is_some(), "{}", world.engine);
        assert!(delete(&alice, tokens[2].id).await, "{}", world.engine);
        assert!(!delete(&alice, tokens[2].id).await, "{}: it is gone", world.engine);
        assert_eq!(world.user_of("alice-2", world.now).await, None, "{}: it works no more", world.engine);
        assert_eq!(list(None, 10).await, tokens[..2], "{}", world.engine);
    }
}

#[tokio::test]
async fn no_two_tokens_have_one_secret_and_none_is_nobodys() {
    for world in worlds().await {
        let alice = world.insert("alice").await;
        world.insert_token(alice.id, "secret", None).await;
        let twin = world.store.insert_token(&world.new_token(alice.id, "secret", None)).await;
        assert!(twin.is_err_and(|error| error.is_unique_violation()), "{}", world.engine);
        let nobodys = world.new_token(UserId(SystemIds.next()), "other", None);
        assert!(world.store.insert_token(&nobodys).await.is_err(), "{}", world.engine);
    }
}

#[tokio::test]
async fn racing_callers_agree_on_one_signing_key() {
    const FORGET: Sql = Sql::portable("DELETE FROM signing_keys");
    for world in worlds().await {
        for _ in 0..10 {
            world.database.db.execute(FORGET, Vec::new()).await.expect("forgotten");
            let candidates: Vec<_> = (0..16).map(|byte| world.new_key(byte)).collect();
            let results = join_all(candidates.iter().map(|key| world.store.ensure_signing_key(key))).await;
            let keys: Vec<_> = results.into_iter().map(|keys| keys.expect("ensured")).collect();
            let ids: HashSet<_> = keys.iter().flatten().map(|key| key.id).collect();
            assert_eq!(ids.len(), 1, "{}: {keys:?}", world.engine);
            for found in keys {
                assert_eq!(found.len(), 1, "{}", world.engine);
                assert!(candidates.contains(&found[0]), "{}: the key is what was offered", world.engine);
            }
        }
    }
}
