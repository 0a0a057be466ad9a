//! Recorded responses, found by what the request says.

use std::collections::HashMap;

use http::Method;
use serde_json::Value;

use super::conversation::Conversation;
use super::dialect::Dialect;
use crate::recordings::{Interaction, RecordedResponse, Recordings};

/// The recorded interactions by method and path.
#[derive(Debug, Default)]
pub(super) struct Replay {
    by_path: HashMap<(String, String), Vec<Recorded>>,
    models: Vec<String>,
}

#[derive(Debug)]
struct Recorded {
    path_and_query: String,
    body: Value,
    /// `None` where the path belongs to no dialect that the simulator speaks.
    conversation: Option<Conversation>,
    response: RecordedResponse,
}

impl Replay {
    pub(super) fn new(recordings: &Recordings) -> Self {
        let mut replay = Self::default();
        let sessions = recordings.sessions().iter();
        for interaction in sessions.flat_map(|session| &session.interactions) {
            replay.add(interaction);
        }
        replay
    }

    fn add(&mut self, interaction: &Interaction) {
        let Interaction { request, response } = interaction;
        let body = request.json();
        let dialect = Dialect::of_path(request.path());
        self.models.extend(body["model"].as_str().map(str::to_owned));
        let recorded = Recorded {
            path_and_query: request.path_and_query().to_owned(),
            conversation: dialect.map(|dialect| Conversation::read(dialect, &body)),
            body,
            response: response.clone(),
        };
        let key = (request.method.clone(), request.path().to_owned());
        self.by_path.entry(key).or_default().push(recorded);
    }

    /// Whether any recorded request named this model.
    pub(super) fn has_model(&self, model: &str) -> bool {
        self.models.iter().any(|recorded| recorded == model)
    }

    /// Whether anything was recorded at this path.
    pub(super) fn has_path(&self, method: &Method, path: &str) -> bool {
        self.by_path.contains_key(&(method.to_string(), path.to_owned()))
    }

    /// The recorded response to an equal request, else to the most similar of those that
    /// say the same.
    pub(super) fn find(&self, method: &Method, path_and_query: &str, body: &Value) -> Option<&RecordedResponse> {
        let path = path_and_query.split('?').next().unwrap_or_default();
        let candidates = self.by_path.get(&(method.to_string(), path.to_owned()))?;
        let is_equal = |one: &&Recorded| one.path_and_query == path_and_query && one.body == *body;
        if let Some(equal) = candidates.iter().find(is_equal) {
            return Some(&equal.response);
        }
        let conversation = Dialect::of_path(path).map(|dialect| Conversation::read(dialect, body));
        let says_the_same = |one: &&Recorded| match &conversation {
            Some(this) => one.conversation.as_ref().is_some_and(|other| this.says_the_same(other)),
            None => ["input", "contents", "messages"].iter().all(|name| one.body[*name] == body[*name]),
        };
        let alike = candidates.iter().filter(says_the_same);
        let most_similar = alike.max_by_key(|one| similarity(&one.body, body))?;
        Some(&most_similar.response)
    }
}

/// The number of settings that two requests share.
fn similarity(recorded: &Value, received: &Value) -> usize {
    let settings = recorded.as_object().into_iter().flatten();
    let of_setting = |(name, value): (&String, &Value)| match received.get(name) {
        Some(same) if same == value => 2,
        Some(_) => 1,
        None => 0,
    };
    settings.map(of_setting).sum::<usize>() + 2 * usize::from(tools(recorded) == tools(received))
}

fn tools(body: &Value) -> Vec<&str> {
    let tools = body["tools"].as_array().into_iter().flatten();
    tools.filter_map(|tool| tool["name"].as_str().or_else(|| tool["function"]["name"].as_str())).collect()
}
