//! Keys: whose they are, and which are used.

use std::time::Duration;

use chatmesh_core::{IdSource as _, SystemIds};
use chatmesh_llm::{Deleted, Inserted, Key, KeyChange, KeyFilter, KeyId, KeyStore as _, LlmStore as _};
use chatmesh_proto::llm::v1::ProviderType;
use chatmesh_rpc::UserId;
use futures::future::join_all;

use super::{World, worlds};

impl World {
    fn new_key(&self, user_id: Option<UserId>, name: &str) -> Key {
        Key {
            id: KeyId(SystemIds.next()),
            provider_id: self.provider.id,
            provider: self.provider.name.clone(),
            user_id,
            name: name.to_owned(),
            sealed_secret: vec![0, 7, 255],
            hint: "abcd".to_owned(),
            weight: 3,
            enabled: true,
            created_at: self.now,
            updated_at: self.now,
        }
    }

    async fn insert_key(&self, key: Key) -> Key {
        let inserted = self.store.insert_key(&key, None).await.expect("inserted");
        assert_eq!(inserted, Inserted::Created(key.clone()), "{}", self.engine);
        key
    }
}

#[tokio::test]
async fn keys_are_listed_for_those_who_own_them() {
    for world in worlds().await {
        let (ann, bob) = (UserId(SystemIds.next()), UserId(SystemIds.next()));
        let central = world.insert_key(world.new_key(None, "central")).await;
        let anns = world.insert_key(world.new_key(Some(ann), "ann's")).await;
        let _bobs = world.insert_key(world.new_key(Some(bob), "bob's")).await;
        let other = world.insert_provider("other", ProviderType::Openai).await;
        let elsewhere = Key { provider_id: other.id, provider: other.name, ..world.new_key(Some(ann), "elsewhere") };
        let elsewhere = world.insert_key(elsewhere).await;

        let list = async |filter, after, limit| world.store.list_keys(filter, after, limit).await.expect("listed");
        let all = KeyFilter { central: true, user: Some(ann), provider: None };
        let expected = [central.clone(), anns.clone(), elsewhere.clone()];
        assert_eq!(list(all, None, 10).await, expected, "{}: oldest first", world.engine);
        assert_eq!(list(all, Some(central.id), 1).await, expected[1..2], "{}", world.engine);
        let own = KeyFilter { central: false, ..all };
        assert_eq!(list(own, None, 10).await, expected[1..], "{}", world.engine);
        let here = KeyFilter { provider: Some(world.provider.id), ..own };
        assert_eq!(list(here, None, 10).await, expected[1..2], "{}", world.engine);
        let nobody = KeyFilter { user: None, ..own };
        assert!(list(nobody, None, 10).await.is_empty(), "{}", world.engine);
    }
}

#[tokio::test]
async fn a_user_s_key_is_used_for_nobody_else_and_a_disabled_one_for_nobody() {
    for world in worlds().await {
        let ann = UserId(SystemIds.next());
        let central = world.insert_key(world.new_key(None, "central")).await;
        let mut anns = world.insert_key(world.new_key(Some(ann), "ann's")).await;
        let usable = async |user| world.store.usable_keys(world.provider.id, user).await.expect("asked");
        assert_eq!(usable(None).await, [central], "{}", world.engine);
        assert_eq!(usable(Some(ann)).await, [anns.clone()], "{}", world.engine);
        assert!(usable(Some(UserId(SystemIds.next()))).await.is_empty(), "{}", world.engine);

        (anns.enabled, anns.weight, anns.sealed_secret) = (false, 9, vec![1]);
        (anns.name, anns.hint) = ("renamed".to_owned(), String::new());
        anns.updated_at = world.now + Duration::from_secs(1);
        let nothing = || KeyChange::none(anns.updated_at);
        let secret = Some((anns.sealed_secret.clone(), anns.hint.clone()));
        let changes = [
            KeyChange { enabled: Some(false), ..nothing() },
            KeyChange { weight: Some(9), secret, ..nothing() },
            KeyChange { name: Some(anns.name.clone()), ..nothing() },
        ];
        let changed = join_all(changes.iter().map(|change| world.store.update_key(anns.id, change))).await;
        assert!(changed.iter().all(|key| matches!(key, Ok(Some(_)))), "{}: {changed:?}", world.engine);
        assert_eq!(world.store.get_key(anns.id).await.expect("asked"), Some(anns.clone()), "{}", world.engine);
        assert!(usable(Some(ann)).await.is_empty(), "{}: it is switched off", world.engine);
        assert!(world.store.delete_key(anns.id).await.expect("deleted"), "{}", world.engine);
        assert!(!world.store.delete_key(anns.id).await.expect("asked"), "{}", world.engine);
        assert_eq!(world.store.update_key(anns.id, &changes[0]).await.expect("asked"), None, "{}", world.engine);
    }
}

#[tokio::test]
async fn a_key_is_created_once_for_a_request_and_goes_with_its_provider() {
    for world in worlds().await {
        let request = Some(SystemIds.next());
        let first = world.new_key(None, "first");
        let make = async |key: &Key| world.store.insert_key(key, request).await.expect("asked");
        assert_eq!(make(&first).await, Inserted::Created(first.clone()), "{}", world.engine);
        let again = world.new_key(None, "again");
        assert_eq!(make(&again).await, Inserted::Repeated(first.clone()), "{}", world.engine);
        let deleted = world.store.delete_provider(world.provider.id).await.expect("deleted");
        assert_eq!(deleted, Deleted::Done, "{}: keys keep no provider", world.engine);
        assert_eq!(world.store.get_key(first.id).await.expect("asked"), None, "{}", world.engine);
    }
}
