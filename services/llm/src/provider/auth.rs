//! How a provider is shown who calls.

use bytes::Bytes;
use chatmesh_core::{Clock as _, SystemClock};
use http::header::AUTHORIZATION;
use http::{HeaderName, HeaderValue, Request};
use secrecy::{ExposeSecret as _, SecretString};

use super::aws;
use crate::classify::Failure;

/// The ways in which providers take a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Auth {
    /// As the value of a header of its own.
    Header(HeaderName),
    /// As a bearer token (RFC 6750).
    Bearer,
    /// As a signature of the request for a region of AWS, or as a bearer token where it is one.
    Aws {
        /// The region that is signed for.
        region: String,
    },
}

/// The header in which Anthropic takes its key.
pub(super) const X_API_KEY: HeaderName = HeaderName::from_static("x-api-key");
/// The header in which the Gemini API takes its key.
pub(super) const X_GOOG_API_KEY: HeaderName = HeaderName::from_static("x-goog-api-key");
/// The header in which Azure takes its key.
pub(super) const API_KEY: HeaderName = HeaderName::from_static("api-key");

impl Auth {
    /// Adds the key to a request that is otherwise complete. Logs never show it.
    ///
    /// # Errors
    /// The key is not one that this way can carry.
    pub(crate) fn apply(&self, key: &SecretString, request: &mut Request<Bytes>) -> Result<(), Failure> {
        let key = key.expose_secret();
        match self {
            Self::Header(name) => request.headers_mut().insert(name, sensitive(key)?),
            Self::Bearer => request.headers_mut().insert(AUTHORIZATION, sensitive(&format!("Bearer {key}"))?),
            Self::Aws { region } => match aws::Credentials::parse(key) {
                Some(credentials) => return aws::sign(&credentials, region, SystemClock.now(), request),
                None => request.headers_mut().insert(AUTHORIZATION, sensitive(&format!("Bearer {key}"))?),
            },
        };
        Ok(())
    }
}

/// A header with a key in it, hidden from logs.
pub(super) fn sensitive(value: &str) -> Result<HeaderValue, Failure> {
    let mut header = HeaderValue::from_str(value)
        .map_err(|_| Failure::configuration("the API key has characters that a header cannot carry"))?;
    header.set_sensitive(true);
    Ok(header)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn applied(auth: &Auth, key: &str) -> Result<Request<Bytes>, Failure> {
        let mut request = Request::new(Bytes::new());
        auth.apply(&key.to_owned().into(), &mut request).map(|()| request)
    }

    #[test]
    fn a_pair_of_keys_signs_and_a_token_is_shown() {
        let auth = Auth::Aws { region: "eu-west-1".to_owned() };
        let authorization = |key: &str| {
            let mut request = Request::post("https://h/model/m/converse-stream").body(Bytes::new()).unwrap();
            auth.apply(&key.to_owned().into(), &mut request).unwrap();
            request.headers()["authorization"].to_str().unwrap().to_owned()
        };
        let signed = authorization("AKIAIOSFODNN7EXAMPLE:wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY");
        assert!(signed.starts_with("AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/"), "{signed}");
        assert!(signed.contains("/eu-west-1/bedrock/aws4_request, "), "{signed}");
        assert_eq!(authorization("ABSKQmVkcm9ja0FQSUtleQ=="), "Bearer ABSKQmVkcm9ja0FQSUtleQ==");
    }

    #[test]
    fn a_key_is_a_header_that_logs_hide() {
        for (auth, name, value) in
            [(Auth::Header(X_API_KEY), "x-api-key", "key-1"), (Auth::Bearer, "authorization", "Bearer key-1")]
        {
            let request = applied(&auth, "key-1").unwrap();
            assert_eq!(request.headers()[name], value);
            assert!(request.headers()[name].is_sensitive());
            assert!(applied(&auth, "a\nb").is_err());
        }
    }
}
