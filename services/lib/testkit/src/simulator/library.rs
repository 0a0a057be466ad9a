//! The scripts by model, and the attempts so far.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use parking_lot::Mutex;

use super::conversation::Conversation;
use super::script::{self, Fault, Script, Step, StepUsage};

/// A provider's tokens have about four characters.
const CHARACTERS_PER_TOKEN: usize = 4;

/// The scripts of a simulator.
#[derive(Debug, Default)]
pub(super) struct Library {
    scripts: Mutex<BTreeMap<String, Arc<Script>>>,
    /// By model and messages: a retry is the same request again.
    attempts: Mutex<HashMap<(String, String), u32>>,
    planned: AtomicUsize,
}

/// The answer to one request.
#[derive(Debug)]
pub(super) struct Planned {
    /// The step, with its placeholders filled.
    pub(super) step: Step,
    /// The number of answers that the simulator planned before this one.
    pub(super) number: usize,
    /// What goes wrong this time.
    pub(super) fault: Option<Fault>,
    pub(super) usage: StepUsage,
}

impl Library {
    /// Adds a script; it replaces one for the same model.
    pub(super) fn add(&self, script: Script) {
        self.attempts.lock().retain(|(model, _), _| *model != script.model);
        self.scripts.lock().insert(script.model.clone(), Arc::new(script));
    }

    pub(super) fn models(&self) -> Vec<String> {
        self.scripts.lock().keys().cloned().collect()
    }

    pub(super) fn has(&self, model: &str) -> bool {
        self.scripts.lock().contains_key(model)
    }

    /// The answer to a request, or `None` for a model without a script.
    pub(super) fn plan(&self, conversation: &Conversation) -> Option<Planned> {
        let script = self.scripts.lock().get(&conversation.model).cloned()?;
        let step = script::fill(script.answer_to(conversation), &script.vars, conversation);
        let attempt = match step.fail_first {
            Some(_) => self.count_attempt(conversation),
            None => 0,
        };
        let early_fault = step.fail_first.as_ref().filter(|first| attempt < first.times);
        let fault = early_fault.map(|first| &first.fault).or(step.fault.as_ref()).cloned();
        let usage = step.usage.unwrap_or_else(|| estimate(conversation, &step));
        let number = self.planned.fetch_add(1, Ordering::Relaxed);
        Some(Planned { number, fault, usage, step })
    }

    /// The number of attempts before this one.
    fn count_attempt(&self, conversation: &Conversation) -> u32 {
        let key = (conversation.model.clone(), format!("{:?}", conversation.utterances));
        let mut attempts = self.attempts.lock();
        let count = attempts.entry(key).or_default();
        *count += 1;
        *count - 1
    }
}

/// The tokens of a prompt, about.
pub(super) fn input_tokens(conversation: &Conversation) -> u64 {
    tokens(conversation.characters())
}

fn tokens(characters: usize) -> u64 {
    (characters / CHARACTERS_PER_TOKEN).max(1) as u64
}

fn estimate(conversation: &Conversation, step: &Step) -> StepUsage {
    let texts = [&step.reasoning, &step.text].into_iter().flatten().map(String::len);
    let calls = step.tool_calls.iter().map(|call| call.name.len() + call.written_args().len());
    StepUsage { input: input_tokens(conversation), output: tokens(texts.chain(calls).sum()), ..StepUsage::default() }
}
