//! Recorded provider sessions: where they are, what they hold, and what they mean.
//!
//! The recordings are not part of the project. A test that needs them asks [`or_skip`]
//! and returns early, loudly, where they are missing.

pub mod oracle;

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::Context;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde::Deserialize;
use serde_json::Value;

/// The environment variable that names the directory of recordings.
pub const DIRECTORY_VARIABLE: &str = "CHATMESH_RECORDINGS";

/// One recorded session: the model calls of one conversation, in order.
#[derive(Debug, Clone)]
pub struct Recording {
    /// The provider, which is the name of the folder.
    pub folder: String,
    /// The name of the file within the folder.
    pub file: String,
    /// The test, model and scenario that were recorded.
    pub scenario: String,
    /// The requests and their responses.
    pub interactions: Vec<Interaction>,
}

/// A request and the provider's response to it.
#[derive(Debug, Clone)]
pub struct Interaction {
    /// What the recorded client sent.
    pub request: RecordedRequest,
    /// What the provider answered.
    pub response: RecordedResponse,
}

/// What a client sent to a provider.
#[derive(Debug, Clone, Deserialize)]
pub struct RecordedRequest {
    /// The HTTP method.
    pub method: String,
    /// The whole URL, with the provider's host.
    pub url: String,
    /// The body, as sent.
    pub body: String,
}

/// What a provider answered.
#[derive(Debug, Clone, Deserialize)]
#[serde(try_from = "ResponseFile")]
pub struct RecordedResponse {
    /// The HTTP status.
    pub status: u16,
    /// The recorded headers; names in lower case.
    pub headers: BTreeMap<String, String>,
    /// The body, byte for byte.
    pub body: Bytes,
}

impl RecordedRequest {
    /// The URL's path and query, without the provider's host.
    pub fn path_and_query(&self) -> &str {
        let after_scheme = self.url.split_once("://").map_or(self.url.as_str(), |(_, rest)| rest);
        after_scheme.find('/').map_or("/", |slash| &after_scheme[slash..])
    }

    /// The URL's path alone.
    pub fn path(&self) -> &str {
        let path_and_query = self.path_and_query();
        path_and_query.split_once('?').map_or(path_and_query, |(path, _)| path)
    }

    /// The body as JSON; `Null` where it is something else.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or(Value::Null)
    }
}

impl RecordedResponse {
    /// The recorded content type, or an empty string.
    pub fn content_type(&self) -> &str {
        self.headers.get("content-type").map_or("", String::as_str)
    }
}

/// All recorded sessions of one directory.
#[derive(Debug, Clone, Default)]
pub struct Recordings {
    sessions: Vec<Recording>,
}

impl Recordings {
    /// Loads every session under `directory`, ordered by folder and file.
    pub fn load(directory: &Path) -> anyhow::Result<Self> {
        let mut sessions = Vec::new();
        for folder in entries(directory)?.into_iter().filter(|path| path.is_dir()) {
            for file in entries(&folder)? {
                if file.extension().is_some_and(|extension| extension == "json") {
                    sessions.push(load_session(&folder, &file)?);
                }
            }
        }
        Ok(Self { sessions })
    }

    /// Every session, of every provider.
    pub fn sessions(&self) -> &[Recording] {
        &self.sessions
    }

    /// The sessions with Anthropic's own Messages endpoint.
    pub fn anthropic(&self) -> impl Iterator<Item = &Recording> {
        self.of("anthropic", "/messages")
    }

    /// The sessions with OpenAI's own Chat Completions endpoint.
    pub fn openai_chat(&self) -> impl Iterator<Item = &Recording> {
        self.of("openai", "/chat/completions")
    }

    /// The sessions with other vendors' Chat Completions endpoints.
    pub fn openai_compatible_chat(&self) -> impl Iterator<Item = &Recording> {
        self.of("openai-compatible", "/chat/completions")
    }

    /// The sessions with OpenAI's Responses endpoint, Azure's among them.
    pub fn openai_responses(&self) -> impl Iterator<Item = &Recording> {
        let of_azure = self.of("azure", "/responses");
        self.of("openai-responses", "/responses").chain(self.of("openai", "/responses")).chain(of_azure)
    }

    /// The sessions with Azure's Chat Completions endpoint.
    pub fn azure_chat(&self) -> impl Iterator<Item = &Recording> {
        self.of("azure", "/chat/completions")
    }

    /// The sessions with Claude on Bedrock.
    pub fn bedrock_claude(&self) -> impl Iterator<Item = &Recording> {
        self.sessions.iter().filter(|recording| recording.folder == "bedrock")
    }

    /// The sessions with Claude on Vertex AI.
    pub fn vertex_claude(&self) -> impl Iterator<Item = &Recording> {
        self.sessions.iter().filter(|recording| {
            recording.interactions.iter().all(|one| one.request.path().contains("/publishers/anthropic/"))
        })
    }

    /// The sessions with Gemini, of the Gemini API and of Vertex AI.
    pub fn gemini(&self) -> impl Iterator<Item = &Recording> {
        self.sessions.iter().filter(|recording| {
            recording.interactions.iter().all(|one| {
                let path = one.request.path();
                path.ends_with(":generateContent") || path.ends_with(":streamGenerateContent")
            })
        })
    }

    fn of(&self, folder: &'static str, path_end: &'static str) -> impl Iterator<Item = &Recording> {
        self.sessions.iter().filter(move |recording| {
            recording.folder == folder
                && recording.interactions.iter().all(|one| one.request.path().ends_with(path_end))
        })
    }
}

/// The directory of recordings, where there is one.
pub fn find() -> Option<PathBuf> {
    let directory = match std::env::var_os(DIRECTORY_VARIABLE) {
        Some(named) => PathBuf::from(named),
        None => Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("../../..")
            .canonicalize()
            .ok()?
            .parent()?
            .join("shared/provider-recordings"),
    };
    directory.is_dir().then_some(directory)
}

/// The recordings, or `None` after saying that `test_name` is skipped.
///
/// # Panics
///
/// When the directory exists and holds something unreadable: that is a broken set-up,
/// which must not pass for a missing one.
pub fn or_skip(test_name: &str) -> Option<Recordings> {
    let Some(directory) = find() else {
        let line = format!("SKIPPED: {test_name}: no recordings; {DIRECTORY_VARIABLE} names their directory\n");
        // A closed stderr is no reason to fail a test that does nothing anyway.
        let _ = std::io::stderr().write_all(line.as_bytes());
        return None;
    };
    Some(Recordings::load(&directory).expect("the recordings can be read"))
}

fn entries(directory: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let listing = std::fs::read_dir(directory).with_context(|| directory.display().to_string())?;
    let mut paths = listing.map(|entry| entry.map(|entry| entry.path())).collect::<Result<Vec<_>, _>>()?;
    paths.sort();
    Ok(paths)
}

fn load_session(folder: &Path, file: &Path) -> anyhow::Result<Recording> {
    let name = |path: &Path| path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let text = std::fs::read_to_string(file).with_context(|| file.display().to_string())?;
    let session: SessionFile = serde_json::from_str(&text).with_context(|| file.display().to_string())?;
    Ok(Recording {
        folder: name(folder),
        file: name(file),
        scenario: session.scenario,
        interactions: session
            .interactions
            .into_iter()
            .map(|InteractionFile { request, response }| Interaction { request, response })
            .collect(),
    })
}

#[derive(Deserialize)]
struct SessionFile {
    scenario: String,
    interactions: Vec<InteractionFile>,
}

#[derive(Deserialize)]
struct InteractionFile {
    request: RecordedRequest,
    response: RecordedResponse,
}

#[derive(Deserialize)]
struct ResponseFile {
    status: u16,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    body: Option<String>,
    body_base64: Option<String>,
}

impl TryFrom<ResponseFile> for RecordedResponse {
    type Error = base64::DecodeError;

    fn try_from(file: ResponseFile) -> Result<Self, Self::Error> {
        let body = match (file.body, file.body_base64) {
            (Some(text), _) => Bytes::from(text),
            (None, Some(encoded)) => Bytes::from(STANDARD.decode(encoded)?),
            (None, None) => Bytes::new(),
        };
        let headers = file.headers.into_iter().map(|(name, value)| (name.to_lowercase(), value)).collect();
        Ok(Self { status: file.status, headers, body })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn host_is_stripped_from_recorded_urls() {
        let request = |url: &str| RecordedRequest { method: "POST".into(), url: url.into(), body: String::new() };
        let with_query = request("https://api.example.com/v1/messages?beta=true");
        assert_eq!(with_query.path_and_query(), "/v1/messages?beta=true");
        assert_eq!(with_query.path(), "/v1/messages");
        assert_eq!(request("http://localhost:8080").path(), "/");
    }

    #[test]
    fn filters_select_by_folder_and_endpoint() {
        let Some(recordings) = or_skip("filters_select_by_folder_and_endpoint") else { return };
        let has_only = |sessions: Vec<&Recording>, end: &str| {
            assert!(!sessions.is_empty());
            for interaction in sessions.iter().flat_map(|session| &session.interactions) {
                assert!(interaction.request.url.contains(end), "{}", interaction.request.url);
            }
        };
        has_only(recordings.anthropic().collect(), "/messages");
        has_only(recordings.openai_chat().collect(), "/chat/completions");
        has_only(recordings.openai_responses().collect(), "/responses");
        has_only(recordings.openai_compatible_chat().collect(), "/chat/completions");
        has_only(recordings.azure_chat().collect(), ".openai.azure.com/openai/v1/chat/completions");
        has_only(recordings.bedrock_claude().collect(), "/invoke");
        has_only(recordings.vertex_claude().collect(), "awPredict");
        has_only(recordings.gemini().collect(), "enerateContent");
    }
}
