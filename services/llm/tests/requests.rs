//! What real clients sent to providers: read by an independent reader, encoded by our codecs, and
//! compared as JSON. What may differ is listed in one table, each with its reason.
//!
//! The second law is the one that chats live by: what a response said returns in the next request
//! as the provider wants it, calls, identifiers, arguments, signatures and encrypted content.

#[path = "requests/canonical.rs"]
mod canonical;
#[path = "requests/read.rs"]
mod read;

use std::collections::BTreeSet;

use chatmesh_llm::codec::fold::Folded;
use chatmesh_llm::codec::{Call, Codec, ResponseContext};
use chatmesh_llm::provider::{compose, endpoint};
use chatmesh_proto::common::v1::Role;
use chatmesh_proto::llm::v1::{PromptMessage, ProviderSettings, ProviderType};
use chatmesh_testkit::recordings::{Interaction, Recordings, or_skip, oracle};
use serde_json::Value;

use self::canonical::{DIFFERENCES, Difference, LOSSES, Protocol, WARNINGS};
use self::read::{Asked, read};

/// A folder of recordings, what the paths of an endpoint have in them, and how we call it.
const PROVIDERS: [(&str, &str, ProviderType, Protocol); 11] = [
    ("anthropic", "/messages", ProviderType::Anthropic, Protocol::Messages),
    ("mixed", "/messages", ProviderType::Anthropic, Protocol::Messages),
    ("openai", "/chat/completions", ProviderType::OpenaiChat, Protocol::Chat),
    ("openai", "/responses", ProviderType::Openai, Protocol::Responses),
    ("openai-compatible", "/chat/completions", ProviderType::OpenaiCompatible, Protocol::Chat),
    ("openai-responses", "/responses", ProviderType::Openai, Protocol::Responses),
    ("openrouter", "/chat/completions", ProviderType::Openrouter, Protocol::Chat),
    ("vercel", "/chat/completions", ProviderType::Vercel, Protocol::Chat),
    ("google", "/v1beta/models/gemini-", ProviderType::Google, Protocol::Gemini),
    ("mixed", "/v1beta/models/gemini-", ProviderType::Google, Protocol::Gemini),
    ("google", "/publishers/google/models/", ProviderType::Vertex, Protocol::Gemini),
];

/// Whatever a comparison found: how many there were, and what was wrong.
#[derive(Default)]
struct Tally {
    count: usize,
    failures: Vec<String>,
}

impl Tally {
    fn add(&mut self, place: &str, result: Result<(), String>) {
        self.count += 1;
        self.failures.extend(result.err().map(|failure| format!("{place}: {failure}")));
    }

    fn report(&self, provider: &str, what: &str) {
        report(&format!("{provider}: {} of {} {what}", self.count - self.failures.len(), self.count));
    }
}

#[expect(clippy::print_stdout, reason = "how many there were is what one wants to see")]
fn report(line: &str) {
    println!("{line}");
}

#[test]
fn every_recorded_request_is_what_we_would_have_sent() {
    let Some(recordings) = or_skip("every_recorded_request_is_what_we_would_have_sent") else { return };
    let mut used = BTreeSet::new();
    let mut failures = Vec::new();
    for (folder, endpoint, provider, protocol) in PROVIDERS {
        let mut tally = Tally::default();
        for (place, session) in sessions(&recordings, folder, endpoint) {
            for (number, interaction) in session.iter().enumerate() {
                let recorded = interaction.request.json();
                let result = read(protocol, &interaction.request)
                    .and_then(|asked| compare(provider, protocol, &asked, &recorded, &mut used));
                tally.add(&format!("{place} #{number}"), result);
            }
        }
        assert!(tally.count > 0, "no recordings of {folder}");
        tally.report(&format!("{folder}{endpoint}"), "requests are encoded alike");
        failures.extend(tally.failures);
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    assert_all_used(DIFFERENCES, &used);
}

/// A difference that there is no longer is not accepted either.
fn assert_all_used(differences: &[Difference], used: &BTreeSet<&'static str>) {
    for difference in differences {
        assert!(used.contains(difference.reason), "no request differs in this: {}", difference.reason);
    }
}

#[test]
fn the_next_request_gives_back_what_the_last_response_said() {
    let Some(recordings) = or_skip("the_next_request_gives_back_what_the_last_response_said") else { return };
    let mut used = BTreeSet::new();
    let mut failures = Vec::new();
    let mut signatures = 0;
    for (folder, endpoint, provider, protocol) in PROVIDERS {
        let mut tally = Tally::default();
        for (place, session) in sessions(&recordings, folder, endpoint) {
            for (number, pair) in session.windows(2).enumerate() {
                let result = gives_back(provider, protocol, pair, &mut used);
                signatures += result.as_ref().copied().unwrap_or(0);
                tally.add(&format!("{place} #{number}"), result.map(drop));
            }
        }
        tally.report(&format!("{folder}{endpoint}"), "responses return in the next request");
        failures.extend(tally.failures);
    }
    report(&format!("{signatures} signatures and encrypted contents among them"));
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    assert!(signatures > 0, "nothing was signed");
    assert_all_used(LOSSES, &used);
}

/// We ask for a stream, also where the recorded client asked for the whole answer.
#[test]
fn gemini_is_called_where_it_was_recorded() {
    let Some(recordings) = or_skip("gemini_is_called_where_it_was_recorded") else { return };
    let mut compared = 0;
    for interaction in recordings.gemini().flat_map(|session| &session.interactions) {
        let asked = read(Protocol::Gemini, &interaction.request).expect("understood");
        let parts: Vec<_> = interaction.request.path().split('/').collect();
        let after = |name: &str| {
            let at = parts.iter().position(|part| *part == name);
            at.map(|at| parts[at + 1].to_owned()).unwrap_or_default()
        };
        let settings =
            ProviderSettings { region: after("locations"), project: after("projects"), ..ProviderSettings::default() };
        let provider = if settings.project.is_empty() { ProviderType::Google } else { ProviderType::Vertex };
        let composition = compose(provider, &settings, &asked.model).expect("a provider");
        let call = Call { request: &asked.request, model: &asked.model, options: &asked.options };
        let path = composition.codec.encode(&call).expect("encoded").path;
        let url = endpoint(&composition.base_url.expect("an address"), &path).expect("a URL");
        let streamed = interaction.request.url.replace(":generateContent", ":streamGenerateContent?alt=sse");
        assert_eq!(url.as_str(), streamed);
        compared += 1;
    }
    assert!(compared > 30, "{compared}");
}

fn sessions<'a>(
    recordings: &'a Recordings,
    folder: &'static str,
    endpoint: &'static str,
) -> impl Iterator<Item = (String, &'a [Interaction])> {
    recordings.sessions().iter().filter_map(move |session| {
        let is_there = session.interactions.iter().all(|one| one.request.path().contains(endpoint));
        (session.folder == folder && is_there)
            .then(|| (format!("{folder}/{}", session.file), session.interactions.as_slice()))
    })
}

/// Encodes a call and compares it with what was recorded.
fn compare(
    provider: ProviderType,
    protocol: Protocol,
    asked: &Asked,
    recorded: &Value,
    used: &mut BTreeSet<&'static str>,
) -> Result<(), String> {
    let mut ours = encode(provider, asked)?;
    let mut theirs = recorded.clone();
    for difference in DIFFERENCES.iter().chain(LOSSES).filter(|it| it.protocols.contains(&protocol)) {
        let is_used = (difference.level)(&mut ours) | (difference.level)(&mut theirs);
        used.extend(is_used.then_some(difference.reason));
    }
    match ours == theirs {
        true => Ok(()),
        false => Err(format!("\n ours   {ours}\n theirs {theirs}")),
    }
}

fn encode(provider: ProviderType, asked: &Asked) -> Result<Value, String> {
    let call = Call { request: &asked.request, model: &asked.model, options: &asked.options };
    let encoded = codec_of(provider).encode(&call).map_err(|failure| failure.message)?;
    let is_accepted = |code: &str| WARNINGS.iter().any(|(accepted, _)| code == *accepted);
    match encoded.warnings.iter().find(|warning| !is_accepted(&warning.code)) {
        None => serde_json::from_slice(&encoded.body).map_err(|error| error.to_string()),
        Some(warning) => Err(format!("{warning:?}")),
    }
}

/// Puts the response between what was asked and what was asked next. Returns how many signatures
/// and encrypted contents returned.
fn gives_back(
    provider: ProviderType,
    protocol: Protocol,
    pair: &[Interaction],
    used: &mut BTreeSet<&'static str>,
) -> Result<usize, String> {
    let next = pair[1].request.json();
    let (before, mut after) = (read(protocol, &pair[0].request)?, read(protocol, &pair[1].request)?);
    let known = before.request.messages.len();
    let is_continued = after.request.messages.get(..known) == Some(&before.request.messages);
    let answered = after.request.messages.get(known).map(PromptMessage::role);
    if !is_continued || answered != Some(Role::Assistant) {
        return Err("the next request does not go on with the last".to_owned());
    }
    let parts = decode(provider, &pair[0])?.parts;
    after.request.messages[known] = PromptMessage { role: Role::Assistant.into(), parts };
    compare(provider, protocol, &after, &next, used)?;

    // That client leaves some of what binds reasoning out, so the response itself is asked.
    let (request, response) = (&pair[0].request, &pair[0].response);
    let reading = oracle::read(request.path_and_query(), response.content_type(), &response.body);
    let expected = reading.map_err(|error| error.to_string())?.signatures;
    let found = canonical::signatures(&encode(provider, &after)?);
    match found.ends_with(&expected) {
        true => Ok(expected.len()),
        false => Err(format!("signatures: {found:?} and not {expected:?}")),
    }
}

fn decode(provider: ProviderType, interaction: &Interaction) -> Result<Folded, String> {
    let (codec, response) = (codec_of(provider), &interaction.response);
    let mut events = Vec::new();
    if response.content_type().contains("event-stream") {
        let mut decoder = codec.decoder(ResponseContext::default());
        decoder.push(&response.body, &mut events);
        decoder.finish(&mut events);
    } else {
        codec.decode_unary(ResponseContext::default(), &response.body, &mut events);
    }
    Folded::of(events).map_err(|error| error.to_string())
}

fn codec_of(provider: ProviderType) -> &'static dyn Codec {
    compose(provider, &ProviderSettings::default(), "").expect("a codec").codec
}
