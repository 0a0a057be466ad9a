//! AWS: where Bedrock is, and signatures of requests (Signature Version 4,
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv.html>).
//!
//! The SDK's own crate for this draws in a runtime, of which one function would be used.

use std::fmt::Write as _;

use bytes::Bytes;
use chatmesh_core::Timestamp;
use chatmesh_proto::llm::v1::ProviderSettings;
use hmac::{Hmac, Mac as _};
use http::header::AUTHORIZATION;
use http::{HeaderName, HeaderValue, Request, Uri};
use sha2::{Digest as _, Sha256};

use super::auth::sensitive;
use crate::classify::Failure;

/// Where Bedrock is called when nobody chose a region.
const DEFAULT_REGION: &str = "us-east-1";

/// What signatures for Bedrock are made out to.
const SERVICE: &str = "bedrock";

const ALGORITHM: &str = "AWS4-HMAC-SHA256";
const DATE: HeaderName = HeaderName::from_static("x-amz-date");
const SECURITY_TOKEN: HeaderName = HeaderName::from_static("x-amz-security-token");

/// The region of a provider. It becomes part of a host, so nothing else can be in it.
pub(super) fn region(settings: &ProviderSettings) -> Result<&str, Failure> {
    let is_word = |text: &str| text.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
    match settings.region.as_str() {
        "" => Ok(DEFAULT_REGION),
        region if is_word(region) => Ok(region),
        _ => Err(Failure::configuration("the region of the provider is none of AWS's")),
    }
}

/// The public address of Bedrock in a region.
pub(super) fn base_url(region: &str) -> String {
    let end = if region.starts_with("cn-") { ".cn" } else { "" };
    format!("https://bedrock-runtime.{region}.amazonaws.com{end}")
}

/// A pair of keys, with a token where they are temporary.
pub(super) struct Credentials<'a> {
    id: &'a str,
    secret: &'a str,
    token: Option<&'a str>,
}

impl<'a> Credentials<'a> {
    /// Reads `ACCESS_KEY_ID:SECRET_ACCESS_KEY[:SESSION_TOKEN]`; `None` for a key of another shape,
    /// such as an API key of Bedrock.
    pub(super) fn parse(key: &'a str) -> Option<Self> {
        let mut parts = key.splitn(3, ':');
        let (id, secret) = (parts.next()?, parts.next()?);
        let token = parts.next().filter(|token| !token.is_empty());
        let is_id = (16..=128).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit());
        (is_id && !secret.is_empty()).then_some(Self { id, secret, token })
    }
}

/// Signs a request to Bedrock that is otherwise complete.
///
/// # Errors
/// The credentials have characters that a header cannot carry.
pub(super) fn sign(
    credentials: &Credentials<'_>,
    region: &str,
    now: Timestamp,
    request: &mut Request<Bytes>,
) -> Result<(), Failure> {
    let date = now.format("%Y%m%dT%H%M%SZ").to_string();
    let value = HeaderValue::from_str(&date).map_err(|_| Failure::configuration("the time cannot be written"))?;
    request.headers_mut().insert(DATE, value);
    if let Some(token) = credentials.token {
        request.headers_mut().insert(SECURITY_TOKEN, sensitive(token)?);
    }
    let authorization = authorization(credentials, region, SERVICE, &date, request);
    request.headers_mut().insert(AUTHORIZATION, sensitive(&authorization)?);
    Ok(())
}

/// The value of the header that holds the signature: of the method, the URL, the host, the
/// headers of AWS's own and the body.
fn authorization(
    credentials: &Credentials<'_>,
    region: &str,
    service: &str,
    date: &str,
    request: &Request<Bytes>,
) -> String {
    let mut headers = vec![("host", host(request.uri()))];
    for name in [DATE, SECURITY_TOKEN] {
        if let Some(value) = request.headers().get(&name).and_then(|value| value.to_str().ok()) {
            headers.push((if name == DATE { "x-amz-date" } else { "x-amz-security-token" }, value.to_owned()));
        }
    }
    let names = headers.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(";");
    let mut canonical = format!(
        "{}\n{}\n{}\n",
        request.method(),
        // What is encoded already is encoded once more: this is what the service does as well.
        encode(request.uri().path().as_bytes(), true),
        canonical_query(request.uri()),
    );
    for (name, value) in &headers {
        // Writing to a string never fails.
        let _written = writeln!(canonical, "{name}:{}", value.trim());
    }
    let _written = write!(canonical, "\n{names}\n{}", hex(&Sha256::digest(request.body())));

    let day = date.get(..8).unwrap_or(date);
    let scope = format!("{day}/{region}/{service}/aws4_request");
    let to_sign = format!("{ALGORITHM}\n{date}\n{scope}\n{}", hex(&Sha256::digest(&canonical)));
    let first = format!("AWS4{}", credentials.secret);
    let key = [day, region, service, "aws4_request"].iter().fold(first.into_bytes(), |key, part| mac(&key, part));
    let signature = hex(&mac(&key, &to_sign));
    format!("{ALGORITHM} Credential={}/{scope}, SignedHeaders={names}, Signature={signature}", credentials.id)
}

/// The host as it is sent: with the port where that is not the usual one.
fn host(uri: &Uri) -> String {
    let host = uri.host().unwrap_or_default();
    match uri.port_u16() {
        Some(port) if Some(port) != usual_port(uri) => format!("{host}:{port}"),
        _ => host.to_owned(),
    }
}

fn usual_port(uri: &Uri) -> Option<u16> {
    match uri.scheme_str() {
        Some("https") => Some(443),
        Some("http") => Some(80),
        _ => None,
    }
}

/// The parameters in the order of their names and values, encoded in the one way that counts.
fn canonical_query(uri: &Uri) -> String {
    let mut pairs: Vec<(String, String)> = url::form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes())
        .map(|(name, value)| (encode(name.as_bytes(), false), encode(value.as_bytes(), false)))
        .collect();
    pairs.sort();
    pairs.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("&")
}

fn encode(bytes: &[u8], keeps_slashes: bool) -> String {
    let mut encoded = String::with_capacity(bytes.len());
    for &byte in bytes {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => encoded.push(char::from(byte)),
            b'/' if keeps_slashes => encoded.push('/'),
            _ => {
                let _written = write!(encoded, "%{byte:02X}");
            }
        }
    }
    encoded
}

fn mac(key: &[u8], text: &str) -> Vec<u8> {
    // Keys of any length are fine.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else { return Vec::new() };
    mac.update(text.as_bytes());
    mac.finalize().into_bytes().to_vec()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _written = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests;
