//! Where providers and models are kept.

mod keys;
mod spend;
mod sql;

use async_trait::async_trait;
use chatmesh_core::{Timestamp, Uuid};
use chatmesh_db::DbError;
pub use keys::{KeyFilter, KeyStore};
pub use spend::{Admission, Counted, DebugRow, Grouping, LedgerStore, LimitStore, Summary, UsageFilter};
pub use sql::{KEY_STATEMENTS, LIMIT_STATEMENTS, STATEMENTS, SqlLlmStore, USAGE_STATEMENTS};

use crate::domain::{Model, ModelChange, ModelId, Provider, ProviderChange, ProviderId, Reference};

/// What an insert found.
#[derive(Debug, Clone, PartialEq)]
pub enum Inserted<T> {
    /// The row is new.
    Created(T),
    /// The same request was made before; this is its result.
    Repeated(T),
    /// The name is taken.
    NameTaken,
}

/// What a delete found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deleted {
    /// The row is gone.
    Done,
    /// There was no such row.
    Missing,
    /// Other rows need it.
    InUse,
}

/// The store of the service. Missing rows are `None`, not errors.
#[async_trait]
pub trait LlmStore: std::fmt::Debug + Send + Sync + 'static {
    /// Inserts a provider. A `request_id` that was used before yields what it made.
    async fn insert_provider(
        &self,
        provider: &Provider,
        request_id: Option<Uuid>,
    ) -> Result<Inserted<Provider>, DbError>;
    /// Returns a provider.
    async fn find_provider(&self, reference: &Reference) -> Result<Option<Provider>, DbError>;
    /// Lists providers, oldest first.
    async fn list_providers(&self, after: Option<ProviderId>, limit: u32) -> Result<Vec<Provider>, DbError>;
    /// Writes everything of a provider but its name and type. For those whose one writer is the mesh itself.
    async fn replace_provider(&self, provider: &Provider) -> Result<(), DbError>;
    /// Changes a provider, and returns what is there then. Changes of different fields at the same time all hold.
    async fn update_provider(&self, id: ProviderId, change: &ProviderChange) -> Result<Option<Provider>, DbError>;
    /// Deletes a provider that no model uses.
    async fn delete_provider(&self, id: ProviderId) -> Result<Deleted, DbError>;
    /// Inserts a model. It becomes the default where it says so, where there is none, and where
    /// the default is a simulated one. There is never more than one default.
    async fn insert_model(&self, model: &Model, request_id: Option<Uuid>) -> Result<Inserted<Model>, DbError>;
    /// Returns a model.
    async fn find_model(&self, reference: &Reference) -> Result<Option<Model>, DbError>;
    /// Returns the default model.
    async fn default_model(&self) -> Result<Option<Model>, DbError>;
    /// Lists models, oldest first.
    async fn list_models(&self, after: Option<ModelId>, limit: u32) -> Result<Vec<Model>, DbError>;
    /// Returns the oldest model of a provider.
    async fn first_model(&self, provider: ProviderId) -> Result<Option<Model>, DbError>;
    /// Changes a model, and returns what is there then. Changes of different fields at the same time all hold. A model
    /// that is switched off is no default; where none is left, the oldest enabled one becomes it.
    async fn update_model(&self, id: ModelId, change: &ModelChange) -> Result<Option<Model>, DbError>;
    /// Deletes a model; where it was the default, the oldest enabled one becomes it.
    async fn delete_model(&self, id: ModelId, now: Timestamp) -> Result<Deleted, DbError>;
}
