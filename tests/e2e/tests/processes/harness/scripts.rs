//! The provider of the tests, and what its models say.

use std::time::Duration;

use chatmesh_testkit::simulator::{Script, Simulator, SimulatorConfig, Step};
use serde_json::json;

/// How long a command runs in which something is killed.
const COMMAND_SECONDS: u32 = 3;
const STORY_PIECES: usize = 40;
/// How many commands [`Model::Steps`] runs for each message, and how long each takes at least.
pub(crate) const STEPS: usize = 5;
const STEP_SECONDS: &str = "0.1";

/// The models that tests use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Model {
    /// Writes and reads a file and runs commands, as fast as it can.
    Tools,
    /// Thinks, and speaks for two seconds.
    Talk,
    /// Writes a file, then tells [`Model::story`] for four seconds.
    Story,
    /// Speaks for longer than any test takes.
    Endless,
    /// Runs a command that adds a line to the file `effects` and then takes three seconds.
    Effect,
    /// Runs a command that writes the file `begun` and then never ends by itself.
    Forever,
    /// Runs commands, one after the other, each of which adds a line to a file. A message like
    /// `a-7` makes it write `a-7-1`, `a-7-2`, ... to the file `a`.
    Steps,
}

impl Model {
    pub(crate) const ALL: [Self; 7] =
        [Self::Tools, Self::Talk, Self::Story, Self::Endless, Self::Effect, Self::Forever, Self::Steps];

    /// The name, for the provider and for chats.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Tools => "sim-tools",
            Self::Talk => "talk",
            Self::Story => "story",
            Self::Endless => "endless",
            Self::Effect => "effect",
            Self::Forever => "forever",
            Self::Steps => "steps",
        }
    }

    /// What [`Model::Story`] says last.
    pub(crate) fn story() -> String {
        (1..=STORY_PIECES).map(|piece| format!("Sentence {piece:02}.")).collect()
    }

    /// The lines that [`Model::Steps`] writes for a message.
    pub(crate) fn lines(said: &str) -> impl Iterator<Item = String> {
        (1..=STEPS).map(move |step| format!("{said}-{step}"))
    }

    fn script(self) -> Option<Script> {
        let execute = |command: String| Step::text("Let me run that.").call("execute", json!({"command": command}));
        let slowly = |text: &str, pause: u64| Step::text(text).delta_delay(Duration::from_millis(pause));
        let script = Script::new(self.name()).per_turn();
        Some(match self {
            // The simulator has it.
            Self::Tools => return None,
            Self::Talk => {
                script.step(slowly("I have thought about {{last_user_message}}, and it is so.", 400).reasoning("Hm."))
            }
            Self::Story => script
                .step(
                    Step::text("First a file.").call("write_file", json!({"path": "{{dir}}/story", "content": "once"})),
                )
                .step(slowly(&Self::story(), 100)),
            Self::Endless => script.step(slowly(&Self::story().repeat(100), 50)),
            Self::Effect => script
                .step(execute(format!("echo run >> {{{{dir}}}}/effects; sleep {COMMAND_SECONDS}")))
                .step(Step::text("It has run.")),
            Self::Forever => script
                .step(execute("echo $$ > {{dir}}/begun; exec sleep 1000".to_owned()))
                .step(Step::text("That took long.")),
            Self::Steps => (1..=STEPS)
                .map(|step| {
                    // Where it runs, and not `{{dir}}`: while the workspace is away the model is not told.
                    let line = format!("m={{{{last_user_message}}}}; echo $m-{step} >> ${{m%%-*}}");
                    execute(format!("{line}; sleep {STEP_SECONDS}"))
                })
                .fold(script, Script::step)
                .step(Step::text("Done with {{last_user_message}}.")),
        })
    }
}

/// A provider with these models.
pub(crate) async fn simulator() -> Simulator {
    simulator_of(Model::ALL.into_iter().filter_map(Model::script)).await
}

/// A provider whose models follow these scripts.
pub(crate) async fn simulator_of(scripts: impl IntoIterator<Item = Script>) -> Simulator {
    let config = scripts.into_iter().fold(SimulatorConfig::default(), SimulatorConfig::with_script);
    Simulator::start(config).await.expect("a simulator")
}
