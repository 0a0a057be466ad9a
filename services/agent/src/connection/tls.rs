//! TLS towards the relay.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio_rustls::TlsConnector;

use super::error::ConnectionError;

/// What is needed to connect to one host.
#[derive(Clone)]
pub(super) struct Tls {
    pub(super) connector: TlsConnector,
    pub(super) name: ServerName<'static>,
}

impl std::fmt::Debug for Tls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tls").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Tls {
    /// Trusts the system's certificate authorities and those in `ca_file`.
    pub(super) fn new(host: &str, ca_file: Option<&PathBuf>) -> Result<Self, ConnectionError> {
        let failed = |problem: String| ConnectionError::Config(problem);
        let mut roots = RootCertStore::empty();
        // A broken certificate among the system's is no reason to trust none of the others.
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        if let Some(path) = ca_file {
            add_file(&mut roots, path)?;
        }
        if roots.is_empty() {
            let problem = "no certificate authority is trusted: install the system's (ca-certificates), \
                           or name a file with CHATMESH_AGENT_CA_FILE";
            return Err(failed(problem.to_owned()));
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        let config = config.map_err(|error| failed(error.to_string()))?;
        let mut config = config.with_root_certificates(roots).with_no_client_auth();
        // The upgrade is a matter of HTTP/1.1; what runs after it is not negotiated here.
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        let name = ServerName::try_from(host.trim_matches(['[', ']']).to_owned());
        let name = name.map_err(|_| failed(format!("`{host}` is not a name of a host")))?;
        Ok(Self { connector: TlsConnector::from(Arc::new(config)), name })
    }
}

fn add_file(roots: &mut RootCertStore, path: &Path) -> Result<(), ConnectionError> {
    let failed = |problem: String| ConnectionError::CaFile { path: path.to_owned(), problem };
    let certificates = CertificateDer::pem_file_iter(path).map_err(|error| failed(error.to_string()))?;
    let mut count = 0;
    for certificate in certificates {
        let certificate = certificate.map_err(|error| failed(error.to_string()))?;
        roots.add(certificate).map_err(|error| failed(error.to_string()))?;
        count += 1;
    }
    if count == 0 {
        return Err(failed("it has no certificate".to_owned()));
    }
    Ok(())
}
