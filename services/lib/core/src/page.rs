//! Keyset pages (AIP-158): sizes with bounds and opaque tokens.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// The size of a page whose caller named none.
pub const DEFAULT_SIZE: u32 = 50;
/// The largest page.
pub const MAX_SIZE: u32 = 200;

/// A page token was not made by this list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("is not a token of this list: pass next_page_token of the page before, with the same parameters")]
pub struct InvalidPageToken;

/// A page size is not allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must not be negative")]
pub struct InvalidPageSize;

/// Returns how many items a page has: the default for 0, never more than [`MAX_SIZE`].
///
/// # Errors
/// A negative size.
pub fn size(requested: i32) -> Result<u32, InvalidPageSize> {
    match u32::try_from(requested) {
        Ok(0) => Ok(DEFAULT_SIZE),
        Ok(size) => Ok(size.min(MAX_SIZE)),
        Err(_) => Err(InvalidPageSize),
    }
}

/// Makes the token for the page after `cursor`. `scope` names the list and its filters:
/// a token is only good for the list that made it.
#[must_use]
pub fn token<T: Serialize>(scope: &str, cursor: &T) -> String {
    let json = serde_json::to_vec(&(scope, cursor)).unwrap_or_default();
    BASE64_URL_SAFE_NO_PAD.encode(json)
}

/// Reads a token that [`token`] made; `None` for the empty token of a first page.
///
/// # Errors
/// A token of another list, or no token at all.
pub fn cursor<T: DeserializeOwned>(scope: &str, token: &str) -> Result<Option<T>, InvalidPageToken> {
    if token.is_empty() {
        return Ok(None);
    }
    let json = BASE64_URL_SAFE_NO_PAD.decode(token).map_err(|_| InvalidPageToken)?;
    match serde_json::from_slice::<(String, T)>(&json) {
        Ok((found, cursor)) if found == scope => Ok(Some(cursor)),
        _ => Err(InvalidPageToken),
    }
}

/// Cuts the item that was read beyond the page, and makes the token for the page after it: empty where there was none.
/// `key` says after what that page begins.
#[must_use]
pub fn cut<T, K: Serialize>(mut items: Vec<T>, size: u32, scope: &str, key: impl FnOnce(&T) -> K) -> (Vec<T>, String) {
    let more = items.len() > size as usize;
    items.truncate(size as usize);
    let last = items.last().filter(|_| more);
    let next = last.map_or_else(String::new, |last| token(scope, &key(last)));
    (items, next)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_a_default_and_a_bound() {
        assert_eq!(size(0), Ok(DEFAULT_SIZE));
        assert_eq!(size(7), Ok(7));
        assert_eq!(size(i32::MAX), Ok(MAX_SIZE));
        assert_eq!(size(-1), Err(InvalidPageSize));
    }

    #[test]
    fn a_token_is_good_for_its_own_list_only() {
        let made = token("messages/1", &42_u32);
        assert_eq!(cursor("messages/1", &made), Ok(Some(42_u32)));
        assert_eq!(cursor::<u32>("messages/2", &made), Err(InvalidPageToken));
        assert_eq!(cursor::<u32>("messages/1", "nonsense"), Err(InvalidPageToken));
        assert_eq!(cursor::<u32>("messages/1", ""), Ok(None));
    }
    #[test]
    fn a_page_has_a_token_where_another_one_follows() {
        let of = |items: Vec<u32>| cut(items, 2, "numbers", |last| *last);
        assert_eq!(of(vec![1, 2]), (vec![1, 2], String::new()));
        assert_eq!(of(vec![1, 2, 3]), (vec![1, 2], token("numbers", &2)));
        assert_eq!(of(Vec::new()), (Vec::new(), String::new()));
    }
}
