//! What the operations on servers work with.

use std::sync::Arc;
use std::time::Duration;

use chatmesh_core::{Clock, IdSource, SecretString};
use chatmesh_host::Deps;
use chatmesh_runtime::Tasks;
use chatmesh_seal::{SealError, Sealer};

use super::cache::Listings;
use super::client::{Addresses, Connect, HttpConnector};
use super::domain::{Secrets, Server, ServerId};
use super::enabled::LastEnabled;
use super::oauth::{Misconfigured, Refused, Renewals};
use super::sessions::Sessions;
use super::store::{GrantStore, ServerStore, SqlGrantStore, SqlServerStore};
use crate::{Config, Error};

/// Servers, and the sessions with them.
#[derive(Debug)]
pub(crate) struct Servers {
    pub(super) store: Arc<dyn ServerStore>,
    pub(super) addresses: Addresses,
    pub(super) grants: Arc<dyn GrantStore>,
    pub(super) renewals: Renewals,
    pub(super) refused: Refused,
    pub(super) misconfigured: Misconfigured,
    /// Speaks to authorization servers.
    pub(super) http: HttpConnector,
    pub(super) connector: Arc<dyn Connect>,
    pub(super) last_enabled: LastEnabled,
    pub(super) listings: Listings,
    pub(super) sessions: Sessions,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) ids: Arc<dyn IdSource>,
    pub(super) tasks: Tasks,
    pub(super) sealer: Sealer,
}

impl Servers {
    /// Servers on a database whose schema is up to date.
    ///
    /// # Errors
    /// The encryption key is none, or the HTTP client cannot be made.
    pub(crate) fn build(config: &Config, deps: Deps) -> Result<Self, Error> {
        let addresses = if config.allow_private_addresses { Addresses::AlsoPrivate } else { Addresses::Public };
        let http = HttpConnector::build(addresses)?;
        let sealer = Sealer::new(&config.encryption_key)?;
        let Deps { db, clock, ids, tasks, .. } = deps;
        Ok(Self {
            store: Arc::new(SqlServerStore::new(db.clone())),
            grants: Arc::new(SqlGrantStore::new(db)),
            renewals: Renewals::default(),
            refused: Refused::default(),
            misconfigured: Misconfigured::default(),
            addresses,
            connector: Arc::new(http.clone()),
            http,
            last_enabled: LastEnabled::default(),
            listings: Listings::default(),
            sessions: Sessions::default(),
            clock,
            ids,
            tasks,
            sealer,
        })
    }

    /// Seals what is secret of a server; nothing where there is none.
    pub(super) fn seal(&self, id: ServerId, secrets: &Secrets) -> Result<Option<Vec<u8>>, SealError> {
        if secrets.is_empty() {
            return Ok(None);
        }
        let text = serde_json::to_string(secrets).map_err(|_| SealError::CannotSeal)?;
        self.sealer.seal(id, &SecretString::from(text)).map(Some)
    }

    /// Opens what is secret of a server.
    pub(super) fn open(&self, server: &Server) -> Result<Secrets, SealError> {
        use chatmesh_core::ExposeSecret as _;

        let Some(sealed) = &server.sealed_secrets else { return Ok(Secrets::default()) };
        let text = self.sealer.open(server.id, sealed)?;
        serde_json::from_str(text.expose_secret()).map_err(|_| SealError::CannotOpen)
    }

    /// Where background work runs.
    pub(crate) fn tasks(&self) -> &Tasks {
        &self.tasks
    }

    /// Ends sessions that nobody uses, until the process ends.
    pub(crate) async fn sweep(&self, interval: Duration) {
        let soft = self.tasks.shutdown().soft().clone();
        while soft.run_until_cancelled(tokio::time::sleep(interval)).await.is_some() {
            self.sessions.sweep().await;
        }
    }
}

#[cfg(test)]
impl Servers {
    /// Servers that are kept and connected otherwise.
    pub(super) fn for_test(
        store: Arc<dyn ServerStore>,
        grants: Arc<dyn GrantStore>,
        connector: Arc<dyn Connect>,
    ) -> Self {
        use chatmesh_core::{SystemClock, SystemIds};

        chatmesh_runtime::install_crypto();
        Self {
            store,
            grants,
            renewals: Renewals::default(),
            refused: Refused::default(),
            misconfigured: Misconfigured::default(),
            // Authorization servers of tests are on this machine.
            http: HttpConnector::build(Addresses::AlsoPrivate).expect("a client"),
            addresses: Addresses::AlsoPrivate,
            connector,
            last_enabled: LastEnabled::default(),
            listings: Listings::default(),
            sessions: Sessions::default(),
            clock: Arc::new(SystemClock),
            ids: Arc::new(SystemIds),
            tasks: Tasks::new(),
            sealer: Sealer::new(&Sealer::generate_key()).expect("a key"),
        }
    }

    /// Another process on the same stores, which reaches servers otherwise.
    pub(super) fn with_connector(&self, connector: Arc<dyn Connect>) -> Self {
        let (store, grants) = (Arc::clone(&self.store), Arc::clone(&self.grants));
        let other = Self::for_test(store, grants, connector);
        Self { clock: Arc::clone(&self.clock), sealer: self.sealer.clone(), ..other }
    }

    /// Another process on the same stores.
    pub(super) fn replica(&self) -> Arc<Self> {
        Arc::new(self.with_connector(Arc::clone(&self.connector)))
    }
}
