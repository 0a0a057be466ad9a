//! The store in SQL, one text for both engines.

mod keys;
mod limits;
mod usage;

use async_trait::async_trait;
use chatmesh_core::{Timestamp, Uuid};
use chatmesh_db::{Db, DbError, FromRow, Row, Sql, Tx, Value, values};
use chatmesh_proto::llm::v1::{ModelOptions, ProviderSettings, ProviderType};
use prost::Message as _;

use super::{Deleted, Inserted, LlmStore};
use crate::domain::{KeyPolicy, Model, ModelChange, ModelId, Provider, ProviderChange, ProviderId, Reference, Source};

macro_rules! provider_columns {
    () => {
        "id, name, type, base_url, sealed_api_key, enabled, source, settings, central_api_key_enabled, \
         allow_user_api_key, allow_central_api_key_fallback, created_at, updated_at"
    };
}

macro_rules! model_select {
    ($rest:literal) => {
        concat!(
            "SELECT models.id, models.name, models.provider_id, providers.name AS provider, models.model, \
             models.context_limit, models.is_default, models.enabled, models.options, \
             models.compaction_threshold_percent, models.fallbacks, models.record_debug, models.created_at, \
             models.updated_at FROM models JOIN providers ON providers.id = models.provider_id ",
            $rest
        )
    };
}

const INSERT_PROVIDER: Sql = Sql::portable(
    "INSERT INTO providers (id, name, type, base_url, sealed_api_key, enabled, source, request_id, created_at, \
     updated_at, settings, central_api_key_enabled, allow_user_api_key, allow_central_api_key_fallback) \
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14) ON CONFLICT DO NOTHING",
);
const GET_PROVIDER: Sql = Sql::portable(concat!("SELECT ", provider_columns!(), " FROM providers WHERE id = $1"));
const LOCK_PROVIDER: Sql = Sql::split(
    concat!("SELECT ", provider_columns!(), " FROM providers WHERE id = $1 FOR UPDATE"),
    concat!("SELECT ", provider_columns!(), " FROM providers WHERE id = $1"),
);
const FIND_PROVIDER_BY_NAME: Sql =
    Sql::portable(concat!("SELECT ", provider_columns!(), " FROM providers WHERE name = $1"));
const FIND_PROVIDER_BY_REQUEST: Sql =
    Sql::portable(concat!("SELECT ", provider_columns!(), " FROM providers WHERE request_id = $1"));
const LIST_PROVIDERS: Sql = Sql::portable(concat!(
    "SELECT ",
    provider_columns!(),
    " FROM providers WHERE (id > $1 OR $1 IS NULL) ORDER BY id LIMIT $2"
));
const UPDATE_PROVIDER: Sql = Sql::portable(
    "UPDATE providers SET base_url = $2, sealed_api_key = $3, enabled = $4, updated_at = $5, settings = $6, \
     central_api_key_enabled = $7, allow_user_api_key = $8, allow_central_api_key_fallback = $9 WHERE id = $1",
);
const DELETE_PROVIDER: Sql =
    Sql::portable("DELETE FROM providers WHERE id = $1 AND NOT EXISTS (SELECT 1 FROM models WHERE provider_id = $1)");
/// What depends on all models waits for its turn: on SQLite a transaction is the only writer anyway.
const LOCK_MODELS: Sql = Sql::split("LOCK TABLE models IN SHARE ROW EXCLUSIVE MODE", "SELECT 1");
const INSERT_MODEL: Sql = Sql::portable(
    "INSERT INTO models (id, name, provider_id, model, context_limit, is_default, enabled, options, request_id, \
     created_at, updated_at, compaction_threshold_percent, fallbacks, record_debug) \
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14) ON CONFLICT DO NOTHING",
);
const GET_MODEL: Sql = Sql::portable(model_select!("WHERE models.id = $1"));
const FIND_MODEL_BY_NAME: Sql = Sql::portable(model_select!("WHERE models.name = $1"));
const FIND_MODEL_BY_REQUEST: Sql = Sql::portable(model_select!("WHERE models.request_id = $1"));
const DEFAULT_MODEL: Sql = Sql::portable(model_select!("WHERE models.is_default"));
const DEFAULT_IS_SIMULATED: Sql =
    Sql::portable(model_select!("WHERE models.is_default AND providers.type = 'PROVIDER_TYPE_SIMULATED'"));
const LIST_MODELS: Sql =
    Sql::portable(model_select!("WHERE (models.id > $1 OR $1 IS NULL) ORDER BY models.id LIMIT $2"));
const CLEAR_DEFAULT: Sql = Sql::portable("UPDATE models SET is_default = FALSE WHERE is_default");
const PROMOTE_OLDEST: Sql = Sql::portable(
    "UPDATE models SET is_default = TRUE, updated_at = $1 WHERE id = \
     (SELECT id FROM models WHERE enabled ORDER BY id LIMIT 1) \
     AND NOT EXISTS (SELECT 1 FROM models WHERE is_default)",
);
const UPDATE_MODEL: Sql = Sql::portable(
    "UPDATE models SET context_limit = $2, is_default = $3, enabled = $4, options = $5, updated_at = $6, \
     compaction_threshold_percent = $7, fallbacks = $8, record_debug = $9 WHERE id = $1",
);
const FIRST_MODEL: Sql = Sql::portable(model_select!("WHERE models.provider_id = $1 ORDER BY models.id LIMIT 1"));
const DELETE_MODEL: Sql = Sql::portable("DELETE FROM models WHERE id = $1");

/// The store on a database.
#[derive(Debug, Clone)]
pub struct SqlLlmStore {
    db: Db,
}

impl SqlLlmStore {
    /// The store on `db`, whose schema is up to date.
    #[must_use]
    pub fn new(db: Db) -> Self {
        Self { db }
    }

    /// Begins a transaction in which nobody else changes models.
    async fn begin_with_models(&self) -> Result<Tx, DbError> {
        let mut tx = self.db.begin().await?;
        tx.execute(LOCK_MODELS, values![]).await?;
        Ok(tx)
    }
}

#[async_trait]
impl LlmStore for SqlLlmStore {
    async fn insert_provider(
        &self,
        provider: &Provider,
        request_id: Option<Uuid>,
    ) -> Result<Inserted<Provider>, DbError> {
        let row = values![
            provider.id.0,
            provider.name.as_str(),
            provider.provider_type.as_str_name(),
            provider.base_url.as_str(),
            provider.sealed_api_key.clone(),
            provider.enabled,
            source_text(provider.source),
            request_id,
            provider.created_at,
            provider.updated_at,
            provider.settings.encode_to_vec(),
            provider.key_policy.central,
            provider.key_policy.user,
            provider.key_policy.fallback
        ];
        if self.db.execute(INSERT_PROVIDER, row).await? == 1 {
            return Ok(Inserted::Created(provider.clone()));
        }
        let earlier = match request_id {
            Some(id) => self.db.fetch_optional(FIND_PROVIDER_BY_REQUEST, values![id]).await?,
            None => None,
        };
        Ok(earlier.map_or(Inserted::NameTaken, Inserted::Repeated))
    }

    async fn find_provider(&self, reference: &Reference) -> Result<Option<Provider>, DbError> {
        match reference {
            Reference::Id(id) => self.db.fetch_optional(GET_PROVIDER, values![*id]).await,
            Reference::Name(name) => self.db.fetch_optional(FIND_PROVIDER_BY_NAME, values![name.as_str()]).await,
        }
    }

    async fn list_providers(&self, after: Option<ProviderId>, limit: u32) -> Result<Vec<Provider>, DbError> {
        self.db.fetch_all(LIST_PROVIDERS, values![after.map(Uuid::from), limit]).await
    }

    async fn replace_provider(&self, provider: &Provider) -> Result<(), DbError> {
        self.db.execute(UPDATE_PROVIDER, changed(provider)).await.map(drop)
    }

    async fn update_provider(&self, id: ProviderId, change: &ProviderChange) -> Result<Option<Provider>, DbError> {
        let mut tx = self.db.begin().await?;
        let Some(before) = tx.fetch_optional::<Provider>(LOCK_PROVIDER, values![id.0]).await? else { return Ok(None) };
        let provider = change.apply(before);
        tx.execute(UPDATE_PROVIDER, changed(&provider)).await?;
        tx.commit().await?;
        Ok(Some(provider))
    }

    async fn delete_provider(&self, id: ProviderId) -> Result<Deleted, DbError> {
        let mut tx = self.begin_with_models().await?;
        if tx.execute(DELETE_PROVIDER, values![id.0]).await? == 1 {
            tx.commit().await?;
            return Ok(Deleted::Done);
        }
        let left: Option<Provider> = tx.fetch_optional(GET_PROVIDER, values![id.0]).await?;
        Ok(if left.is_some() { Deleted::InUse } else { Deleted::Missing })
    }

    async fn insert_model(&self, model: &Model, request_id: Option<Uuid>) -> Result<Inserted<Model>, DbError> {
        let mut tx = self.begin_with_models().await?;
        let mut model = model.clone();
        model.is_default |= wants_a_default(&mut tx).await?;
        if model.is_default {
            tx.execute(CLEAR_DEFAULT, values![]).await?;
        }
        let row = values![
            model.id.0,
            model.name.as_str(),
            model.provider_id.0,
            model.model.as_str(),
            model.context_limit,
            model.is_default,
            model.enabled,
            model.options.encode_to_vec(),
            request_id,
            model.created_at,
            model.updated_at,
            model.compaction_threshold_percent,
            names_text(&model.fallbacks),
            model.record_debug
        ];
        if tx.execute(INSERT_MODEL, row).await? == 1 {
            tx.commit().await?;
            return Ok(Inserted::Created(model));
        }
        // Dropping the transaction brings the old default back.
        let earlier = match request_id {
            Some(id) => tx.fetch_optional(FIND_MODEL_BY_REQUEST, values![id]).await?,
            None => None,
        };
        Ok(earlier.map_or(Inserted::NameTaken, Inserted::Repeated))
    }

    async fn find_model(&self, reference: &Reference) -> Result<Option<Model>, DbError> {
        match reference {
            Reference::Id(id) => self.db.fetch_optional(GET_MODEL, values![*id]).await,
            Reference::Name(name) => self.db.fetch_optional(FIND_MODEL_BY_NAME, values![name.as_str()]).await,
        }
    }

    async fn default_model(&self) -> Result<Option<Model>, DbError> {
        self.db.fetch_optional(DEFAULT_MODEL, values![]).await
    }

    async fn list_models(&self, after: Option<ModelId>, limit: u32) -> Result<Vec<Model>, DbError> {
        self.db.fetch_all(LIST_MODELS, values![after.map(Uuid::from), limit]).await
    }

    async fn first_model(&self, provider: ProviderId) -> Result<Option<Model>, DbError> {
        self.db.fetch_optional(FIRST_MODEL, values![provider.0]).await
    }

    async fn update_model(&self, id: ModelId, change: &ModelChange) -> Result<Option<Model>, DbError> {
        let mut tx = self.begin_with_models().await?;
        let Some(before) = tx.fetch_optional::<Model>(GET_MODEL, values![id.0]).await? else { return Ok(None) };
        let model = change.apply(before);
        if model.is_default {
            tx.execute(CLEAR_DEFAULT, values![]).await?;
        }
        let row = values![
            model.id.0,
            model.context_limit,
            model.is_default,
            model.enabled,
            model.options.encode_to_vec(),
            model.updated_at,
            model.compaction_threshold_percent,
            names_text(&model.fallbacks),
            model.record_debug
        ];
        tx.execute(UPDATE_MODEL, row).await?;
        tx.execute(PROMOTE_OLDEST, values![model.updated_at]).await?;
        let changed = tx.fetch_optional(GET_MODEL, values![model.id.0]).await?;
        tx.commit().await?;
        Ok(changed)
    }

    async fn delete_model(&self, id: ModelId, now: Timestamp) -> Result<Deleted, DbError> {
        let mut tx = self.begin_with_models().await?;
        if tx.execute(DELETE_MODEL, values![id.0]).await? == 0 {
            return Ok(Deleted::Missing);
        }
        tx.execute(PROMOTE_OLDEST, values![now]).await?;
        tx.commit().await?;
        Ok(Deleted::Done)
    }
}

/// What [`UPDATE_PROVIDER`] takes.
fn changed(provider: &Provider) -> Vec<Value> {
    values![
        provider.id.0,
        provider.base_url.as_str(),
        provider.sealed_api_key.clone(),
        provider.enabled,
        provider.updated_at,
        provider.settings.encode_to_vec(),
        provider.key_policy.central,
        provider.key_policy.user,
        provider.key_policy.fallback
    ]
}

/// True where there is no default, or only one that is simulated.
async fn wants_a_default(tx: &mut Tx) -> Result<bool, DbError> {
    let current: Option<Model> = tx.fetch_optional(DEFAULT_MODEL, values![]).await?;
    let simulated: Option<Model> = tx.fetch_optional(DEFAULT_IS_SIMULATED, values![]).await?;
    Ok(current.is_none() || simulated.is_some())
}

impl FromRow for Provider {
    fn from_row(row: &Row) -> Result<Self, DbError> {
        let type_name = row.get::<String>("type")?;
        let provider_type = ProviderType::from_str_name(&type_name)
            .ok_or_else(|| DbError::inconsistent("type", format!("unknown type {type_name}")))?;
        let settings = row.get::<Vec<u8>>("settings")?;
        Ok(Self {
            id: row.id("id")?,
            name: row.get("name")?,
            provider_type,
            base_url: row.get("base_url")?,
            sealed_api_key: row.get("sealed_api_key")?,
            enabled: row.get("enabled")?,
            source: source(&row.get::<String>("source")?)?,
            settings: ProviderSettings::decode(&*settings).map_err(|error| DbError::inconsistent("settings", error))?,
            key_policy: KeyPolicy {
                central: row.get("central_api_key_enabled")?,
                user: row.get("allow_user_api_key")?,
                fallback: row.get("allow_central_api_key_fallback")?,
            },
            created_at: row.get("created_at")?,
            updated_at: row.get("updated_at")?,
        })
    }
}

impl FromRow for Model {
    fn from_row(row: &Row) -> Result<Self, DbError> {
        let options = row.get::<Vec<u8>>("options")?;
        Ok(Self {
            id: row.id("id")?,
            name: row.get("name")?,
            provider_id: row.id("provider_id")?,
            provider: row.get("provider")?,
            model: row.get("model")?,
            context_limit: row.u32("context_limit")?,
            is_default: row.get("is_default")?,
            enabled: row.get("enabled")?,
            options: ModelOptions::decode(&*options).map_err(|error| DbError::inconsistent("options", error))?,
            compaction_threshold_percent: row.u32_or_null("compaction_threshold_percent")?,
            fallbacks: names(&row.get::<String>("fallbacks")?)?,
            record_debug: row.get("record_debug")?,
            created_at: row.get("created_at")?,
            updated_at: row.get("updated_at")?,
        })
    }
}

fn names_text(names: &[String]) -> String {
    serde_json::json!(names).to_string()
}

fn names(text: &str) -> Result<Vec<String>, DbError> {
    serde_json::from_str(text).map_err(|error| DbError::inconsistent("fallbacks", error))
}

fn source_text(source: Source) -> &'static str {
    match source {
        Source::Database => "database",
        Source::Environment => "environment",
    }
}

fn source(text: &str) -> Result<Source, DbError> {
    match text {
        "database" => Ok(Source::Database),
        "environment" => Ok(Source::Environment),
        other => Err(DbError::inconsistent("source", format!("unknown source {other}"))),
    }
}

pub use self::keys::STATEMENTS as KEY_STATEMENTS;
pub use self::limits::STATEMENTS as LIMIT_STATEMENTS;
pub use self::usage::STATEMENTS as USAGE_STATEMENTS;

/// Every statement about providers and models, for the test that prepares them on both engines.
#[doc(hidden)]
pub const STATEMENTS: &[Sql] = &[
    INSERT_PROVIDER,
    GET_PROVIDER,
    LOCK_PROVIDER,
    FIND_PROVIDER_BY_NAME,
    FIND_PROVIDER_BY_REQUEST,
    LIST_PROVIDERS,
    UPDATE_PROVIDER,
    DELETE_PROVIDER,
    LOCK_MODELS,
    INSERT_MODEL,
    GET_MODEL,
    FIND_MODEL_BY_NAME,
    FIND_MODEL_BY_REQUEST,
    DEFAULT_MODEL,
    DEFAULT_IS_SIMULATED,
    LIST_MODELS,
    CLEAR_DEFAULT,
    PROMOTE_OLDEST,
    UPDATE_MODEL,
    FIRST_MODEL,
    DELETE_MODEL,
];
