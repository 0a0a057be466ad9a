//! Looks for secrets, also where they were encoded.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};

/// How many places are shown.
const MANY: usize = 20;

/// The ways in which a secret may lie in bytes.
#[derive(Debug)]
pub(crate) struct Needle {
    name: String,
    forms: Vec<Vec<u8>>,
}

impl Needle {
    pub(crate) fn of(secret: &str) -> Self {
        let mut forms = vec![secret.as_bytes().to_vec(), hex(secret).into_bytes()];
        for skipped in 0..3 {
            // In base64, what a text becomes depends on where in it it stands.
            let rest = &secret.as_bytes()[skipped..];
            let whole = &rest[..rest.len() / 3 * 3];
            forms.push(STANDARD_NO_PAD.encode(whole).into_bytes());
            forms.push(URL_SAFE_NO_PAD.encode(whole).into_bytes());
        }
        Self { name: secret.to_owned(), forms }
    }

    /// Where the secret is in the bytes, with what surrounds it: a few places, where it is in many.
    pub(crate) fn find(&self, bytes: &[u8]) -> Vec<String> {
        let places = self.forms.iter().flat_map(|form| {
            let windows = bytes.windows(form.len()).enumerate();
            windows.filter(|(_, window)| window.eq_ignore_ascii_case(form)).map(|(at, window)| at..at + window.len())
        });
        let around = places.map(|place| &bytes[place.start.saturating_sub(200)..(place.end + 100).min(bytes.len())]);
        around.take(MANY).map(|around| format!("{}: …{}…", self.name, String::from_utf8_lossy(around))).collect()
    }
}

fn hex(text: &str) -> String {
    text.bytes().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn a_secret_is_found_in_every_form() {
    let secret = "sk-canary-0123456789";
    let needle = Needle::of(secret);
    for pad in ["", "a", "ab"] {
        let text = format!("{pad}{secret} and more");
        for form in [text.clone(), STANDARD_NO_PAD.encode(&text), URL_SAFE_NO_PAD.encode(&text), hex(&text)] {
            assert!(!needle.find(form.as_bytes()).is_empty(), "{form}");
        }
    }
    assert!(needle.find(b"sk-canary-012345678").is_empty());
}
