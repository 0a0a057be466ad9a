//! Service accounts of Google: a key file says who one is, and an assertion signed with it is
//! exchanged for an access token (RFC 7523,
//! <https://developers.google.com/identity/protocols/oauth2/service-account>).

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rustls::SignatureScheme;
use rustls::crypto::ring::sign::any_supported_type;
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject as _;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use serde_json::json;
use url::Url;

use crate::classify::Failure;

/// Where assertions are exchanged when the key does not say.
const TOKEN_URI: &str = "https://oauth2.googleapis.com/token";

/// What a token may be used for; which models it reaches, the account's roles decide.
const SCOPE: &str = "https://www.googleapis.com/auth/cloud-platform";

/// How long an assertion is good for; the longest that is accepted.
const LIFETIME_SECONDS: i64 = 3600;

/// What a service account is to the exchange.
pub(crate) const GRANT_TYPE: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";

/// The key of a service account.
#[derive(Deserialize)]
pub(crate) struct ServiceAccount {
    client_email: String,
    private_key: SecretString,
    #[serde(default)]
    private_key_id: String,
    #[serde(default)]
    project_id: String,
    #[serde(default)]
    token_uri: String,
}

impl fmt::Debug for ServiceAccount {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("ServiceAccount").field("client_email", &self.client_email).finish_non_exhaustive()
    }
}

impl ServiceAccount {
    /// Reads a key file. `None` where the key is something else, such as an access token.
    ///
    /// # Errors
    /// It is a document, but not the key of a service account.
    pub(crate) fn parse(key: &SecretString) -> Option<Result<Self, Failure>> {
        let document = key.expose_secret().trim_start();
        // What is wrong with it must not be told in words of the parser's, which quote it.
        let invalid = |_| Failure::configuration("the key is JSON, but not the key of a service account");
        document.starts_with('{').then(|| serde_json::from_str(document).map_err(invalid))
    }

    /// The project that the account belongs to; may be empty.
    pub(crate) fn project(&self) -> &str {
        &self.project_id
    }

    /// Where assertions are exchanged. Keys may come from users, and nothing is sent for them to
    /// addresses that are not Google's.
    pub(crate) fn token_uri(&self) -> &str {
        let is_google = Url::parse(&self.token_uri).is_ok_and(|url| {
            let is_there = url.host_str().is_some_and(|host| host.ends_with(".googleapis.com"));
            url.scheme() == "https" && is_there && url.port().is_none()
        });
        if is_google { &self.token_uri } else { TOKEN_URI }
    }

    /// An assertion that this is the account, signed with its key.
    ///
    /// # Errors
    /// The key is none of RSA's.
    pub(crate) fn assertion(&self, now_seconds: i64) -> Result<String, Failure> {
        let header = json!({ "alg": "RS256", "typ": "JWT", "kid": self.private_key_id });
        let claims = json!({
            "iss": self.client_email,
            "scope": SCOPE,
            "aud": self.token_uri(),
            "iat": now_seconds,
            "exp": now_seconds + LIFETIME_SECONDS,
        });
        let encode = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        let signed = format!("{}.{}", encode(header.to_string().as_bytes()), encode(claims.to_string().as_bytes()));
        let signature = self.sign(signed.as_bytes())?;
        Ok(format!("{signed}.{}", encode(&signature)))
    }

    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, Failure> {
        let unusable = || Failure::configuration("the private key of the service account cannot be used");
        let pem = self.private_key.expose_secret().as_bytes();
        let key = PrivateKeyDer::from_pem_slice(pem).map_err(|_| unusable())?;
        let key = any_supported_type(&key).map_err(|_| unusable())?;
        let signer = key.choose_scheme(&[SignatureScheme::RSA_PKCS1_SHA256]).ok_or_else(unusable)?;
        signer.sign(message).map_err(|_| unusable())
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use serde_json::Value;

    use super::*;

    /// A key that was made for these tests and opens nothing.
    const PRIVATE_KEY: &str = include_str!("service_account/test_key.pem");

    /// The key file of an account.
    pub(crate) fn key_file() -> SecretString {
        let file = json!({
            "type": "service_account",
            "project_id": "p-1",
            "private_key_id": "kid-1",
            "private_key": PRIVATE_KEY,
            "client_email": "robot@p-1.iam.gserviceaccount.com",
            "token_uri": TOKEN_URI,
        });
        file.to_string().into()
    }

    fn account() -> ServiceAccount {
        ServiceAccount::parse(&key_file()).unwrap().unwrap()
    }

    fn decoded(part: &str) -> Value {
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
    }

    #[test]
    fn an_assertion_says_who_asks_and_is_signed() {
        let assertion = account().assertion(1_700_000_000).unwrap();
        let (signed, signature) = assertion.rsplit_once('.').unwrap();
        let (header, claims) = signed.split_once('.').unwrap();
        assert_eq!(decoded(header), json!({"alg": "RS256", "typ": "JWT", "kid": "kid-1"}));
        let expected = json!({
            "iss": "robot@p-1.iam.gserviceaccount.com",
            "scope": "https://www.googleapis.com/auth/cloud-platform",
            "aud": "https://oauth2.googleapis.com/token",
            "iat": 1_700_000_000,
            "exp": 1_700_003_600,
        });
        assert_eq!(decoded(claims), expected);

        let key = any_supported_type(&PrivateKeyDer::from_pem_slice(PRIVATE_KEY.as_bytes()).unwrap()).unwrap();
        let spki = key.public_key().unwrap();
        let algorithms = rustls::crypto::ring::default_provider().signature_verification_algorithms;
        let (_, verifiers) =
            algorithms.mapping.iter().find(|(scheme, _)| *scheme == SignatureScheme::RSA_PKCS1_SHA256).unwrap();
        // The key itself stands after a head of a fixed length for keys of 2048 bits.
        let public = &spki.as_ref()[24..];
        let signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
        let is_valid =
            |message: &[u8]| verifiers.iter().any(|one| one.verify_signature(public, message, &signature).is_ok());
        assert!(is_valid(signed.as_bytes()));
        assert!(!is_valid(b"something else"));
    }

    #[test]
    fn assertions_go_to_google_and_nowhere_else() {
        for (uri, expected) in [
            ("https://oauth2.googleapis.com/token", "https://oauth2.googleapis.com/token"),
            ("https://sts.googleapis.com/v1/token", "https://sts.googleapis.com/v1/token"),
            ("http://oauth2.googleapis.com/token", TOKEN_URI),
            ("https://oauth2.googleapis.com.evil.example/token", TOKEN_URI),
            ("https://oauth2.googleapis.com:8443/token", TOKEN_URI),
            ("https://googleapis.com@10.0.0.1/token", TOKEN_URI),
            ("http://169.254.169.254/", TOKEN_URI),
            ("", TOKEN_URI),
        ] {
            assert_eq!(ServiceAccount { token_uri: uri.to_owned(), ..account() }.token_uri(), expected);
        }
    }

    #[test]
    fn what_is_no_key_file_is_a_token_or_an_error_that_quotes_nothing() {
        assert!(ServiceAccount::parse(&"ya29.token".to_owned().into()).is_none());
        let failure = ServiceAccount::parse(&r#"{"private_key": "hush", "client_email": 7}"#.to_owned().into());
        let failure = failure.unwrap().unwrap_err();
        assert!(!failure.message.contains("hush") && !failure.message.contains('7'), "{}", failure.message);
        let odd = ServiceAccount { private_key: "hush".to_owned().into(), ..account() };
        assert!(odd.assertion(0).unwrap_err().message.contains("cannot be used"));
        assert!(!format!("{:?}", account()).contains("PRIVATE"));
    }
}
