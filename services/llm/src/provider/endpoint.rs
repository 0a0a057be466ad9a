//! Where a provider is reached.

use std::borrow::Cow;

use url::Url;

use crate::classify::Failure;

/// Joins a base URL and the path of a protocol, such as `messages`.
///
/// The base may end with its version (`/v1`, `/api/paas/v4`) or have one in its path
/// (`/v1beta/openai`); where it has none, `/v1` is added. A base that already ends with the path
/// stays as it is. A query stays a query, of the base and of the path. A path with a leading slash
/// is one of a protocol without versions, and none is added.
///
/// # Errors
/// The base is not an absolute `http` or `https` URL.
pub fn endpoint(base_url: &str, path: &str) -> Result<Url, Failure> {
    let invalid = || Failure::configuration("the base URL of the provider is not an http or https URL");
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    let mut url = Url::parse(base_url.trim()).map_err(|_| invalid())?;
    if !matches!(url.scheme(), "http" | "https") || url.cannot_be_a_base() {
        return Err(invalid());
    }
    if !query.is_empty() {
        let joined = url.query().map_or_else(|| query.to_owned(), |own| format!("{own}&{query}"));
        url.set_query(Some(&joined));
    }
    let base = url.path().trim_end_matches('/');
    if path.starts_with('/') {
        let joined = format!("{base}{path}");
        url.set_path(&joined);
        return Ok(url);
    }
    if base.ends_with(&format!("/{path}")) {
        let base = base.to_owned();
        url.set_path(&base);
        return Ok(url);
    }
    let version = if base.split('/').any(is_version) { "" } else { "/v1" };
    let joined = format!("{base}{version}/{path}");
    url.set_path(&joined);
    Ok(url)
}

/// A base URL with a version at its end where its path has none.
pub(super) fn with_version<'a>(base_url: &'a str, version: &str) -> Cow<'a, str> {
    let Ok(mut url) = Url::parse(base_url.trim()) else { return Cow::Borrowed(base_url) };
    if url.cannot_be_a_base() || url.path().split('/').any(is_version) {
        return Cow::Borrowed(base_url);
    }
    let path = format!("{}/{version}", url.path().trim_end_matches('/'));
    url.set_path(&path);
    Cow::Owned(url.into())
}

/// `v1`, `v4`, `v1beta`
fn is_version(segment: &str) -> bool {
    segment.strip_prefix('v').is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_protocol_without_versions_gets_none() {
        let path = "/model/a.b-v1%3A0/converse-stream";
        for (base, expected) in [
            (
                "https://bedrock-runtime.us-east-1.amazonaws.com",
                "https://bedrock-runtime.us-east-1.amazonaws.com/model/a.b-v1%3A0/converse-stream",
            ),
            ("http://h:1/proxy/", "http://h:1/proxy/model/a.b-v1%3A0/converse-stream"),
        ] {
            assert_eq!(endpoint(base, path).unwrap().as_str(), expected);
        }
    }

    #[test]
    fn a_version_of_its_own_is_added_once() {
        for (base, expected) in [
            ("https://h", "https://h/v1beta"),
            ("https://h/gemini/?key=1", "https://h/gemini/v1beta?key=1"),
            ("https://h/v1", "https://h/v1"),
            ("https://h/v1beta/", "https://h/v1beta/"),
            ("nonsense", "nonsense"),
        ] {
            assert_eq!(with_version(base, "v1beta"), expected);
        }
    }

    #[test]
    fn the_query_of_a_path_is_kept() {
        let url = endpoint("http://h/v1beta?key=1", "models/m:streamGenerateContent?alt=sse").unwrap();
        assert_eq!(url.as_str(), "http://h/v1beta/models/m:streamGenerateContent?key=1&alt=sse");
    }

    #[test]
    fn the_version_is_added_where_it_is_missing() {
        let cases = [
            ("https://api.openai.com", "https://api.openai.com/v1/chat/completions"),
            ("https://api.openai.com/", "https://api.openai.com/v1/chat/completions"),
            ("https://api.openai.com/v1", "https://api.openai.com/v1/chat/completions"),
            ("https://api.openai.com/v1/", "https://api.openai.com/v1/chat/completions"),
            ("https://api.z.ai/api/coding/paas/v4", "https://api.z.ai/api/coding/paas/v4/chat/completions"),
            ("https://openrouter.ai/api", "https://openrouter.ai/api/v1/chat/completions"),
            ("https://g.example/v1beta/openai", "https://g.example/v1beta/openai/chat/completions"),
            ("http://localhost:8080", "http://localhost:8080/v1/chat/completions"),
            ("http://h/v1/chat/completions", "http://h/v1/chat/completions"),
            ("http://h/x?api-version=1", "http://h/x/v1/chat/completions?api-version=1"),
            ("http://[::1]:8080/vertex", "http://[::1]:8080/vertex/v1/chat/completions"),
        ];
        for (base, expected) in cases {
            assert_eq!(endpoint(base, "chat/completions").unwrap().as_str(), expected);
        }
        for base in ["", "api.openai.com", "ftp://h", "file:///etc", "data:text/plain,x"] {
            assert!(endpoint(base, "messages").is_err(), "{base}");
        }
    }
}
