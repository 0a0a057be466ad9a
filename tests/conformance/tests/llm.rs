//! What the store of providers and models promises, on every engine.

#[path = "llm/keys.rs"]
mod keys;
#[path = "llm/ledger.rs"]
mod ledger;
#[path = "llm/limits.rs"]
mod limits;

use std::time::Duration;

use chatmesh_core::{Clock as _, IdSource as _, SystemClock, SystemIds, Timestamp, Uuid};
use chatmesh_llm::{
    Deleted, Inserted, KEY_STATEMENTS, KeyPolicy, LIMIT_STATEMENTS, LlmStore as _, MIGRATIONS, Model, ModelChange,
    ModelId, Provider, ProviderChange, ProviderId, Reference, STATEMENTS, Source, SqlLlmStore, USAGE_STATEMENTS,
};
use chatmesh_proto::llm::v1::{ModelOptions, ProviderSettings, ProviderType};
use chatmesh_testkit::{TestDb, databases};
use futures::future::{join, join_all};

/// A store with one provider, at one moment.
struct World {
    engine: &'static str,
    store: SqlLlmStore,
    provider: Provider,
    now: Timestamp,
    _database: TestDb,
}

async fn worlds() -> Vec<World> {
    let mut worlds = Vec::new();
    for database in databases(MIGRATIONS).await {
        let now = SystemClock.now();
        let store = SqlLlmStore::new(database.db.clone());
        let provider = new_provider("house", ProviderType::Anthropic, now);
        store.insert_provider(&provider, None).await.expect("a provider");
        worlds.push(World { engine: database.engine, store, provider, now, _database: database });
    }
    worlds
}

fn new_provider(name: &str, provider_type: ProviderType, now: Timestamp) -> Provider {
    Provider {
        id: ProviderId(SystemIds.next()),
        name: name.to_owned(),
        provider_type,
        base_url: "https://llm.example.com/v1".to_owned(),
        sealed_api_key: Some(vec![0, 1, 255]),
        enabled: true,
        source: Source::Database,
        settings: ProviderSettings { region: "eu-west-1".to_owned(), ..ProviderSettings::default() },
        key_policy: KeyPolicy { central: true, user: true, fallback: false },
        created_at: now,
        updated_at: now,
    }
}

fn new_model(name: &str, provider: &Provider, now: Timestamp) -> Model {
    Model {
        id: ModelId(SystemIds.next()),
        name: name.to_owned(),
        provider_id: provider.id,
        provider: provider.name.clone(),
        model: format!("vendor/{name}:latest"),
        context_limit: 200_000,
        is_default: false,
        enabled: true,
        options: ModelOptions {
            temperature: Some(0.1),
            reasoning_effort: Some("high".to_owned()),
            store: Some(true),
            cache_write_price_micros: Some(u32::MAX),
            ..Default::default()
        },
        compaction_threshold_percent: None,
        fallbacks: vec!["a".to_owned(), "b".to_owned()],
        record_debug: true,
        created_at: now,
        updated_at: now,
    }
}

impl World {
    fn new_model(&self, name: &str) -> Model {
        new_model(name, &self.provider, self.now)
    }

    async fn insert_provider(&self, name: &str, provider_type: ProviderType) -> Provider {
        let provider = new_provider(name, provider_type, self.now);
        let inserted = self.store.insert_provider(&provider, None).await.expect("inserted");
        assert_eq!(inserted, Inserted::Created(provider.clone()), "{}", self.engine);
        provider
    }

    async fn insert(&self, model: Model) -> Model {
        match self.store.insert_model(&model, None).await.expect("inserted") {
            Inserted::Created(model) => model,
            other => panic!("{}: {other:?}", self.engine),
        }
    }

    async fn model(&self, id: ModelId) -> Option<Model> {
        self.store.find_model(&Reference::Id(id.0)).await.expect("asked")
    }

    async fn default_name(&self) -> Option<String> {
        let default = self.store.default_model().await.expect("asked");
        let all = self.store.list_models(None, 1000).await.expect("listed");
        let marked: Vec<_> = all.into_iter().filter(|model| model.is_default).collect();
        assert_eq!(marked, Vec::from_iter(default.clone()), "{}: one default, and it is marked", self.engine);
        default.map(|model| model.name)
    }

    async fn delete(&self, id: ModelId) -> Deleted {
        self.store.delete_model(id, self.now).await.expect("asked")
    }
}

#[tokio::test]
async fn every_statement_is_valid() {
    for statements in [STATEMENTS, KEY_STATEMENTS, LIMIT_STATEMENTS, USAGE_STATEMENTS] {
        chatmesh_testkit::statements_are_valid(MIGRATIONS, statements).await;
    }
}

#[tokio::test]
async fn providers_are_read_back_listed_and_changed() {
    for world in worlds().await {
        let mut providers = vec![world.provider.clone()];
        for (name, provider_type) in [("zeta", ProviderType::Simulated), ("alpha", ProviderType::OpenaiCompatible)] {
            providers.push(world.insert_provider(name, provider_type).await);
        }
        let list = async |after, limit| world.store.list_providers(after, limit).await.expect("listed");
        assert_eq!(list(None, 10).await, providers, "{}: oldest first", world.engine);
        assert_eq!(list(None, 1).await, providers[..1], "{}", world.engine);
        assert_eq!(list(Some(providers[0].id), 10).await, providers[1..], "{}", world.engine);

        let later = world.now + Duration::from_micros(1);
        let changed = Provider {
            base_url: String::new(),
            sealed_api_key: None,
            enabled: false,
            key_policy: KeyPolicy { central: false, user: true, fallback: false },
            updated_at: later,
            ..providers[1].clone()
        };
        // Each as if nobody else changed anything.
        let nothing = || ProviderChange::none(later);
        let changes = [
            ProviderChange { base_url: Some(String::new()), ..nothing() },
            ProviderChange { sealed_api_key: Some(None), ..nothing() },
            ProviderChange { enabled: Some(false), ..nothing() },
            ProviderChange { key_policy: Some(changed.key_policy), ..nothing() },
        ];
        let results = join_all(changes.iter().map(|change| world.store.update_provider(changed.id, change))).await;
        let results: Vec<_> = results.into_iter().map(|result| result.expect("updated")).collect();
        assert!(results.contains(&Some(changed.clone())), "{}: what the last one found: {results:?}", world.engine);
        let gone = world.store.update_provider(ProviderId(SystemIds.next()), &nothing()).await.expect("asked");
        assert_eq!(gone, None, "{}", world.engine);
        for reference in [Reference::Id(changed.id.0), Reference::Name("zeta".to_owned())] {
            let found = world.store.find_provider(&reference).await.expect("asked");
            assert_eq!(found.as_ref(), Some(&changed), "{}: {reference:?}", world.engine);
        }
        assert_eq!(list(None, 10).await[2], providers[2], "{}: the others stay", world.engine);
        world.store.replace_provider(&providers[1]).await.expect("replaced");
        assert_eq!(list(None, 10).await, providers, "{}", world.engine);
        world.store.replace_provider(&changed).await.expect("replaced");
        for reference in [Reference::Id(SystemIds.next()), Reference::Name("ZETA".to_owned())] {
            let found = world.store.find_provider(&reference).await.expect("asked");
            assert_eq!(found, None, "{}: {reference:?}", world.engine);
        }
    }
}

#[tokio::test]
async fn provider_names_are_unique_and_requests_repeat() {
    for world in worlds().await {
        let request = Some(SystemIds.next());
        let make = || new_provider("twin", ProviderType::Anthropic, world.now);
        let candidates: Vec<_> = (0..16).map(|_| make()).collect();
        let results = join_all(candidates.iter().map(|one| world.store.insert_provider(one, request))).await;
        let results: Vec<_> = results.into_iter().map(|result| result.expect("asked")).collect();
        let created: Vec<_> = results.iter().filter(|result| matches!(result, Inserted::Created(_))).collect();
        let [Inserted::Created(first)] = created[..] else { panic!("{}: {results:?}", world.engine) };
        let repeated = results.iter().filter(|result| **result == Inserted::Repeated(first.clone())).count();
        assert_eq!(repeated, 15, "{}: {results:?}", world.engine);

        for request in [None, Some(SystemIds.next())] {
            let taken = world.store.insert_provider(&make(), request).await.expect("asked");
            assert_eq!(taken, Inserted::NameTaken, "{}", world.engine);
        }
        let other = new_provider("other", ProviderType::Anthropic, world.now);
        let repeat = world.store.insert_provider(&other, request).await.expect("asked");
        assert_eq!(repeat, Inserted::Repeated(first.clone()), "{}", world.engine);
    }
}

#[tokio::test]
async fn a_provider_that_a_model_uses_is_not_deleted() {
    for world in worlds().await {
        let model = world.insert(world.new_model("m")).await;
        let delete = async |id| world.store.delete_provider(id).await.expect("asked");
        assert_eq!(delete(world.provider.id).await, Deleted::InUse, "{}", world.engine);
        let id = Reference::Id(world.provider.id.0);
        assert!(world.store.find_provider(&id).await.expect("asked").is_some(), "{}", world.engine);
        assert_eq!(world.delete(model.id).await, Deleted::Done);
        assert_eq!(delete(world.provider.id).await, Deleted::Done, "{}", world.engine);
        assert_eq!(delete(world.provider.id).await, Deleted::Missing, "{}", world.engine);
    }
}

#[tokio::test]
async fn a_provider_is_deleted_or_gets_its_model_but_not_both() {
    for world in worlds().await {
        for round in 0..20 {
            let provider = world.insert_provider(&format!("p-{round}"), ProviderType::Anthropic).await;
            let model = new_model(&format!("m-{round}"), &provider, world.now);
            let (made, deleted) =
                join(world.store.insert_model(&model, None), world.store.delete_provider(provider.id)).await;
            let model_is_there = world.model(model.id).await.is_some();
            match deleted.unwrap_or_else(|error| panic!("{}: {error:?}", world.engine)) {
                Deleted::Done => assert!(made.is_err() && !model_is_there, "{}: {made:?}", world.engine),
                Deleted::InUse => assert!(made.is_ok() && model_is_there, "{}: {made:?}", world.engine),
                Deleted::Missing => panic!("{}: it was there", world.engine),
            }
        }
    }
}

#[tokio::test]
async fn models_are_read_back_and_listed() {
    for world in worlds().await {
        let mut models = Vec::new();
        for (name, compaction_threshold_percent) in [("zeta", None), ("alpha", Some(0)), ("mid", Some(100))] {
            let model = Model { compaction_threshold_percent, ..world.new_model(name) };
            models.push(world.insert(model).await);
        }
        for model in &models {
            for reference in [Reference::Id(model.id.0), Reference::Name(model.name.clone())] {
                let found = world.store.find_model(&reference).await.expect("asked");
                assert_eq!(found.as_ref(), Some(model), "{}", world.engine);
            }
        }
        let list = async |after, limit| world.store.list_models(after, limit).await.expect("listed");
        assert_eq!(list(None, 10).await, models, "{}: oldest first", world.engine);
        assert_eq!(list(None, 2).await, models[..2], "{}", world.engine);
        assert_eq!(list(Some(models[1].id), 10).await, models[2..], "{}", world.engine);
        assert_eq!(world.model(ModelId(SystemIds.next())).await, None, "{}", world.engine);
        assert_eq!(world.delete(ModelId(SystemIds.next())).await, Deleted::Missing, "{}", world.engine);
    }
}

#[tokio::test]
async fn model_names_are_unique_and_requests_repeat() {
    for world in worlds().await {
        world.insert(Model { is_default: true, ..world.new_model("first") }).await;
        let request: Option<Uuid> = Some(SystemIds.next());
        let candidates: Vec<_> = (0..16).map(|_| world.new_model("twin")).collect();
        let results = join_all(candidates.iter().map(|one| world.store.insert_model(one, request))).await;
        let results: Vec<_> = results.into_iter().map(|result| result.expect("asked")).collect();
        let created: Vec<_> = results.iter().filter(|result| matches!(result, Inserted::Created(_))).collect();
        let [Inserted::Created(made)] = created[..] else { panic!("{}: {results:?}", world.engine) };
        let repeated = results.iter().filter(|result| **result == Inserted::Repeated(made.clone())).count();
        assert_eq!(repeated, 15, "{}: {results:?}", world.engine);

        let greedy = Model { is_default: true, ..world.new_model("twin") };
        let taken = world.store.insert_model(&greedy, None).await.expect("asked");
        assert_eq!(taken, Inserted::NameTaken, "{}", world.engine);
        let repeat = world.store.insert_model(&greedy, request).await.expect("asked");
        assert_eq!(repeat, Inserted::Repeated(made.clone()), "{}", world.engine);
        let kept = world.default_name().await;
        assert_eq!(kept.as_deref(), Some("first"), "{}: what was not made is no default", world.engine);
    }
}

#[tokio::test]
async fn a_model_becomes_the_default_where_it_says_so_or_there_is_no_real_one() {
    for world in worlds().await {
        let simulator = world.insert_provider("simulator", ProviderType::Simulated).await;
        assert_eq!(world.default_name().await, None, "{}", world.engine);
        let simulated = world.insert(new_model("simulated", &simulator, world.now)).await;
        assert!(simulated.is_default, "{}: there is none", world.engine);
        let real = world.insert(world.new_model("real")).await;
        assert!(real.is_default, "{}: a simulated default gives way", world.engine);
        assert_eq!(world.default_name().await.as_deref(), Some("real"), "{}", world.engine);

        let modest = world.insert(world.new_model("modest")).await;
        assert!(!modest.is_default, "{}: a real default stays", world.engine);
        assert_eq!(world.default_name().await.as_deref(), Some("real"), "{}", world.engine);
        world.insert(Model { is_default: true, ..world.new_model("bold") }).await;
        assert_eq!(world.default_name().await.as_deref(), Some("bold"), "{}: it says so", world.engine);
    }
}

#[tokio::test]
async fn the_oldest_enabled_model_takes_the_place_of_a_deleted_default() {
    for mut world in worlds().await {
        let first = world.insert(world.new_model("first")).await;
        let off = world.insert(Model { enabled: false, ..world.new_model("off") }).await;
        let second = world.insert(world.new_model("second")).await;
        let third = world.insert(world.new_model("third")).await;
        assert_eq!(world.delete(second.id).await, Deleted::Done);
        assert_eq!(world.default_name().await.as_deref(), Some("first"), "{}: it was not the default", world.engine);

        world.now += Duration::from_secs(1);
        assert_eq!(world.delete(first.id).await, Deleted::Done);
        assert_eq!(world.delete(first.id).await, Deleted::Missing, "{}", world.engine);
        assert_eq!(world.default_name().await.as_deref(), Some("third"), "{}", world.engine);
        let promoted = world.model(third.id).await.expect("there");
        assert_eq!(promoted, Model { is_default: true, updated_at: world.now, ..third }, "{}", world.engine);
        world.delete(promoted.id).await;
        assert_eq!(world.default_name().await, None, "{}: {} is disabled", world.engine, off.name);
    }
}

#[tokio::test]
async fn there_is_never_more_than_one_default_however_many_want_to_be() {
    const MODELS: usize = 24;
    for world in worlds().await {
        let models: Vec<_> = (0..MODELS)
            .map(|number| Model { is_default: number % 2 == 0, ..world.new_model(&format!("m-{number}")) })
            .collect();
        let results = join_all(models.iter().map(|model| world.store.insert_model(model, None))).await;
        for result in results {
            let result = result.unwrap_or_else(|error| panic!("{}: {error:?}", world.engine));
            assert!(matches!(result, Inserted::Created(_)), "{}: {result:?}", world.engine);
        }
        assert!(world.default_name().await.is_some(), "{}", world.engine);

        let (last, rest) = models.split_last().expect("there are some");
        let deleted = join_all(rest.iter().map(|model| world.store.delete_model(model.id, world.now))).await;
        for result in deleted {
            let result = result.unwrap_or_else(|error| panic!("{}: {error:?}", world.engine));
            assert_eq!(result, Deleted::Done, "{}", world.engine);
        }
        assert_eq!(world.default_name().await.as_ref(), Some(&last.name), "{}: it is what is left", world.engine);
    }
}

#[tokio::test]
async fn a_changed_model_is_read_back_and_keeps_its_names() {
    for mut world in worlds().await {
        let first = world.insert(world.new_model("first")).await;
        let second = world.insert(world.new_model("second")).await;
        world.now += Duration::from_secs(1);
        let changed = Model {
            context_limit: 1,
            is_default: true,
            options: ModelOptions { seed: Some(7), ..ModelOptions::default() },
            compaction_threshold_percent: Some(12),
            fallbacks: vec!["first".to_owned()],
            record_debug: false,
            updated_at: world.now,
            ..second
        };
        let nothing = || ModelChange::none(changed.updated_at);
        let changes = [
            ModelChange { context_limit: Some(1), becomes_default: true, ..nothing() },
            ModelChange { options: Some(changed.options.clone()), ..nothing() },
            ModelChange { compaction_threshold_percent: Some(12), ..nothing() },
            ModelChange { fallbacks: Some(changed.fallbacks.clone()), ..nothing() },
            ModelChange { record_debug: Some(false), ..nothing() },
        ];
        let results = join_all(changes.iter().map(|change| world.store.update_model(changed.id, change))).await;
        let results: Vec<_> = results.into_iter().map(|result| result.expect("updated")).collect();
        assert!(results.contains(&Some(changed.clone())), "{}: what the last one found: {results:?}", world.engine);
        assert_eq!(world.model(changed.id).await, Some(changed.clone()), "{}", world.engine);
        assert_eq!(world.default_name().await.as_deref(), Some("second"), "{}", world.engine);

        // Who changes something else leaves alone which one is the default.
        for id in [first.id, changed.id] {
            world.store.update_model(id, &nothing()).await.expect("updated");
            assert_eq!(world.default_name().await.as_deref(), Some("second"), "{}", world.engine);
        }

        let off = ModelChange { enabled: Some(false), becomes_default: true, ..nothing() };
        let result = world.store.update_model(changed.id, &off).await.expect("updated").expect("there");
        assert!(!result.is_default && !result.enabled, "{}: {result:?}", world.engine);
        assert_eq!(world.default_name().await.as_deref(), Some("first"), "{}: the oldest enabled one", world.engine);
        world.delete(changed.id).await;
        assert_eq!(
            world.store.update_model(changed.id, &off).await.expect("asked"),
            None,
            "{}: it is gone",
            world.engine
        );
        assert_eq!(world.store.first_model(world.provider.id).await.expect("asked").map(|m| m.id), Some(first.id));
    }
}
