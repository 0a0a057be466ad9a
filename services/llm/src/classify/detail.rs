//! Shortens and redacts what a provider said, so that it can be shown.

/// The longest detail of an error, in characters.
pub const MAX_DETAIL_CHARS: usize = 500;

const REDACTED: &str = "[redacted]";

/// Beginnings of keys and tokens.
const KEY_PREFIXES: &[&str] =
    &["sk-", "sk_", "rk_", "pk-", "AIza", "AKIA", "ASIA", "gsk_", "xai-", "hf_", "vck_", "eyJ", "ya29."];

/// Beginnings of identifiers of accounts and of parts of the prompt.
const ID_PREFIXES: &[&str] =
    &["org-", "org_", "proj_", "call_", "fc_", "rs_", "msg_", "ws_", "toolu_", "srvtoolu_", "resp_"];

/// What a user may see of a provider's text.
pub(super) fn shown(text: &str, secret: Option<&str>) -> String {
    let text = text.trim();
    let text = match secret {
        // A secret of a few characters would tear holes into words and be no secret.
        Some(secret) if secret.len() >= 8 => text.replace(secret, REDACTED),
        _ => text.to_owned(),
    };
    // The cut comes twice: before, so that a body of 64 KiB is not read to its end, and after,
    // because a replacement may be longer than what it replaces.
    shorten(&redact(&shorten(&text, 4 * MAX_DETAIL_CHARS)), MAX_DETAIL_CHARS)
}

/// A text of any length without the secret, without keys and without identifiers of accounts.
pub(super) fn redacted(text: &str, secret: Option<&str>) -> String {
    match secret {
        Some(secret) if secret.len() >= 8 => redact(&text.replace(secret, REDACTED)),
        _ => redact(text),
    }
}

fn shorten(text: &str, limit: usize) -> String {
    match text.char_indices().nth(limit) {
        None => text.to_owned(),
        Some(_) => {
            let end = text.char_indices().nth(limit - 1).map_or(0, |(at, _)| at);
            format!("{}…", &text[..end])
        }
    }
}

fn redact(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    let mut before = Before::default();
    while !rest.is_empty() {
        let start = rest.find(|c| !is_separator(c)).unwrap_or(rest.len());
        out.push_str(&rest[..start]);
        rest = &rest[start..];
        let end = rest.find(is_separator).unwrap_or(rest.len());
        let (word, tail) = rest.split_at(end);
        redact_word(word, &before, &mut out);
        before.push(word);
        rest = tail;
    }
    out
}

fn is_separator(c: char) -> bool {
    c.is_whitespace() || matches!(c, '"' | '\'' | '`' | ',' | ';' | '(' | ')' | '<' | '>' | '{' | '}' | '[' | ']')
}

/// The word before the current one; some words announce a secret.
#[derive(Debug, Default)]
struct Before {
    announces_secret: bool,
}

impl Before {
    fn push(&mut self, word: &str) {
        let word = word.trim_end_matches([':', '=']).to_ascii_lowercase();
        self.announces_secret =
            matches!(word.as_str(), "bearer" | "provided" | "authorization" | "x-api-key" | "api_key" | "apikey");
    }
}

fn redact_word(word: &str, before: &Before, out: &mut String) {
    let bare = word.trim_end_matches(['.', ':', '!', '?']);
    let tail = &word[bare.len()..];
    let looks_like_token = bare.len() >= 8 && bare.contains(|c: char| c.is_ascii_digit() || c == '*');
    if before.announces_secret && looks_like_token {
        out.push_str(REDACTED);
    } else if let Some((scheme, address)) = bare.split_once("://") {
        redact_url(scheme, address, out);
    } else if let Some((name, value)) = bare.split_once(['=', ':'])
        && is_secret_text(value)
    {
        out.push_str(&bare[..=name.len()]);
        out.push_str(REDACTED);
    } else if is_secret_text(bare) {
        out.push_str(REDACTED);
    } else {
        out.push_str(bare);
    }
    out.push_str(tail);
}

fn is_secret_text(text: &str) -> bool {
    let is_key = text.len() >= 12 && KEY_PREFIXES.iter().any(|prefix| text.starts_with(prefix));
    let is_id = ID_PREFIXES
        .iter()
        .any(|prefix| text.strip_prefix(prefix).is_some_and(|rest| !matches!(rest, "" | "id" | "ids")));
    is_key || is_id
}

/// Keeps scheme, host and path; whatever follows may be a key.
fn redact_url(scheme: &str, address: &str, out: &mut String) {
    let (place, query) = match address.find(['?', '#']) {
        Some(at) => (&address[..at], true),
        None => (address, false),
    };
    let (authority, path) = place.split_at(place.find('/').unwrap_or(place.len()));
    out.push_str(scheme);
    out.push_str("://");
    match authority.rsplit_once('@') {
        Some((_, host)) => {
            out.push_str(REDACTED);
            out.push('@');
            out.push_str(host);
        }
        None => out.push_str(authority),
    }
    out.push_str(path);
    if query {
        out.push('?');
        out.push_str(REDACTED);
    }
}
