//! One chat, played through some turns.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use chatmesh_core::{IdSource as _, SystemIds};
use chatmesh_proto::chat::v1 as pb;
use chatmesh_proto::common::v1::{GenerationError, Role};
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};

use super::script::{Deed, Fate, Outcome};
use super::viewers::{self, Expected, Viewer, difference};
use crate::convert;
use crate::domain::{Chat, ChatId};
use crate::machine::Status;
use crate::parts::EpisodeKey;
use crate::store::{ClientResult, StoreError};
use crate::stream::subscriber::POLL_INTERVAL;
use crate::testing::{Client, Replica, Runner, breathe, pass};
use crate::turn::cleared_context;

/// How long, on a clock on the wall, readers may take to be where the database is.
const PATIENCE: Duration = Duration::from_secs(20);
/// The most steps of a turn.
const MAX_STEPS: u32 = 40;

pub(super) struct Play<'a> {
    seed: u64,
    dice: StdRng,
    replicas: &'a [Replica; 2],
    chat: ChatId,
    runner: Option<Runner>,
    viewers: Vec<Viewer>,
    /// Counts what is said, so that no two texts are the same.
    words: u32,
    /// The calls that the client has to answer.
    asked: Vec<String>,
}

impl<'a> Play<'a> {
    pub(super) async fn new(replicas: &'a [Replica; 2], seed: u64) -> Self {
        let chat = replicas[0].chat("hello").await;
        Self {
            seed,
            dice: StdRng::seed_from_u64(seed),
            replicas,
            chat,
            runner: None,
            viewers: viewers::all(chat, replicas),
            words: 0,
            asked: Vec::new(),
        }
    }

    /// Returns the kinds of events that readers were sent.
    pub(super) async fn run(mut self, turns: u32) -> BTreeSet<&'static str> {
        let mut seen = BTreeSet::new();
        for _ in 0..turns {
            self.begin().await;
            self.turn().await;
            self.settle().await;
            seen.extend(self.viewers.iter().flat_map(|viewer| viewer.reader.kinds()));
        }
        seen
    }

    /// Makes an idle chat run.
    async fn begin(&mut self) {
        if matches!(self.now().await.status, Status::Waiting | Status::Error) {
            let replica = self.replica();
            let now = replica.now();
            let done = match self.dice.random_range(0..10) {
                0 => self.deed(Deed::Edit).await,
                1 => replica.state.store.request_compaction(self.chat, None, now).await,
                2 => {
                    let rows = cleared_context(SystemIds.next());
                    replica.state.store.clear_context(self.chat, rows, now).await.map(|(chat, _)| chat)
                }
                _ => self.deed(Deed::Send).await,
            };
            self.hint(replica, done).await;
        }
        if matches!(self.now().await.status, Status::Waiting | Status::Error) {
            let replica = self.replica();
            let done = self.deed(Deed::Send).await;
            self.hint(replica, done).await;
        }
    }

    /// Plays until the chat is idle, or for long enough.
    async fn turn(&mut self) {
        for _ in 0..MAX_STEPS {
            match self.now().await.status {
                Status::Running => {
                    if self.step().await.is_err() {
                        self.leave();
                    }
                }
                Status::Interrupting => self.stop().await,
                Status::RequiresAction => self.answer().await,
                Status::Waiting | Status::Error => break,
            }
            self.moment().await;
            if self.dice.random_bool(0.05) {
                self.settle().await;
            }
        }
        self.leave();
    }

    /// One call of the model, as far as it gets.
    async fn step(&mut self) -> Result<(), StoreError> {
        self.run_somewhere().await?;
        match Fate::roll(&mut self.dice) {
            Fate::Stays => {}
            Fate::Abandons => {
                if let Some(runner) = self.runner.take() {
                    return runner.abandon().await;
                }
            }
            Fate::IsRobbed => return self.rob().await,
            Fate::Compacts => {
                let rows = cleared_context(SystemIds.next());
                return self.runner().compact(rows).await;
            }
        }
        self.runner().attempt().await?;
        for _ in 0..self.dice.random_range(0..12) {
            self.say();
            if self.dice.random_bool(0.05) {
                let deed = Deed::while_running(&mut self.dice);
                let replica = self.replica();
                let done = self.deed(deed).await;
                self.hint(replica, done).await;
            }
            self.moment().await;
        }
        self.end_step().await
    }

    async fn end_step(&mut self) -> Result<(), StoreError> {
        match Outcome::roll(&mut self.dice) {
            Outcome::Retry => {
                self.runner().retry("the line broke").await?;
                for _ in 0..self.dice.random_range(0..4) {
                    self.moment().await;
                }
            }
            Outcome::Answer { calls, last } => {
                self.say();
                let ids = self.call(calls);
                for id in ids.iter().rev() {
                    self.moment().await;
                    self.runner().result(id);
                }
                self.runner().commit().await?;
                if last {
                    self.moment().await;
                    self.runner().finish().await?;
                }
            }
            Outcome::Ask { calls } => {
                self.say();
                let ids = self.call(calls);
                self.runner().require_action().await?;
                self.asked = ids;
            }
            Outcome::Error => {
                let message = self.word();
                let error = GenerationError { message, ..GenerationError::default() };
                self.runner().fail(error).await?;
            }
        }
        Ok(())
    }

    /// Ends an interrupted turn, by the runner that knows what was said or by another one.
    async fn stop(&mut self) {
        if self.dice.random_bool(0.3) {
            self.leave();
        }
        if let Some(runner) = &mut self.runner
            && runner.finish_interruption().await.is_ok()
        {
            return;
        }
        self.leave();
        if self.run_somewhere().await.is_ok() {
            // Refused where the owner has done something again.
            let _ = self.runner().finish_interruption().await;
        }
    }

    /// The client's tools answer, or somebody has had enough of waiting for them.
    async fn answer(&mut self) {
        self.leave();
        let replica = self.replica();
        let done = match self.dice.random_range(0..10) {
            0 => self.deed(Deed::Interrupt).await,
            1 => self.deed(Deed::SendInterrupting).await,
            2 => self.deed(Deed::Promote).await,
            _ => {
                let result = |call_id| ClientResult { call_id, output: "{}".to_owned(), is_error: false };
                let results = std::mem::take(&mut self.asked).into_iter().map(result).collect();
                let submitted = replica.state.store.submit_tool_results(self.chat, results, replica.now()).await;
                submitted.map(|(chat, _)| chat)
            }
        };
        self.hint(replica, done).await;
    }

    /// Something that the owner does; refused where it makes no sense.
    async fn deed(&mut self, deed: Deed) -> Result<Chat, StoreError> {
        let word = self.word();
        let replica = self.replica();
        let (store, now, chat) = (&replica.state.store, replica.now(), self.chat);
        match deed {
            Deed::Send => store.send(chat, replica.outgoing(&word, false), now).await.map(|sent| sent.chat),
            Deed::SendInterrupting => store.send(chat, replica.outgoing(&word, true), now).await.map(|sent| sent.chat),
            Deed::Interrupt => store.interrupt(chat, now).await.map(|(chat, _)| chat),
            Deed::Promote => {
                let id = self.queued().await;
                store.promote_queued(chat, id, now).await.map(|(chat, _)| chat)
            }
            Deed::DeleteQueued => {
                let id = self.queued().await;
                store.delete_queued(chat, id, now).await.map(|(chat, _)| chat)
            }
            Deed::Edit => {
                let said = store.list_messages(chat, None, false, u32::MAX / 4).await?;
                let mine: Vec<u32> =
                    said.iter().filter(|message| message.body.role == Role::User).map(|message| message.id).collect();
                let target = mine[self.dice.random_range(0..mine.len())];
                replica.try_edit(chat, target, &word).await.map(|edited| edited.chat)
            }
        }
    }

    /// A message of the queue, or one that is not there.
    async fn queued(&mut self) -> u32 {
        let last = self.now().await.last_queued_id;
        self.dice.random_range(0..=last)
    }

    /// Says what happened, where something did.
    async fn hint(&mut self, replica: &Replica, done: Result<Chat, StoreError>) {
        if let Ok(chat) = done {
            replica.state.hints.changed(&chat).await;
        }
    }

    fn say(&mut self) {
        let word = self.word();
        self.runner().say(&word);
    }

    fn call(&mut self, count: u32) -> Vec<String> {
        let ids: Vec<String> = (0..count).map(|_| self.word().trim().to_owned()).collect();
        ids.iter().for_each(|id| self.runner().call(id));
        ids
    }

    fn word(&mut self) -> String {
        self.words += 1;
        format!("{}.{} ", self.seed, self.words)
    }

    fn runner(&mut self) -> &mut Runner {
        self.runner.as_mut().expect("somebody runs the chat")
    }

    /// Leases the chat on one of the replicas, where nobody has it.
    async fn run_somewhere(&mut self) -> Result<(), StoreError> {
        if self.runner.is_none() {
            let replica = self.replica();
            self.runner = Some(Runner::steal(replica, self.chat).await?);
        }
        Ok(())
    }

    /// Another replica takes the chat over; the old runner goes on for a moment.
    async fn rob(&mut self) -> Result<(), StoreError> {
        let robber = Runner::steal(self.replica(), self.chat).await?;
        let mut robbed = self.runner.replace(robber);
        if let Some(robbed) = &mut robbed {
            self.moment().await;
            assert!(robbed.commit().await.is_err(), "a runner that lost its lease writes nothing");
        }
        Ok(())
    }

    fn leave(&mut self) {
        if let Some(runner) = self.runner.take() {
            runner.leave();
        }
    }

    fn replica(&mut self) -> &'a Replica {
        &self.replicas[self.dice.random_range(0..2)]
    }

    async fn now(&self) -> Chat {
        self.replicas[0].get(self.chat).await
    }

    /// Lets everybody else do something.
    async fn moment(&mut self) {
        for viewer in &mut self.viewers {
            viewer.act(&mut self.dice, self.replicas).await;
        }
        match self.dice.random_range(0..100) {
            0..10 => breathe().await,
            10..14 => pass(Duration::from_millis(self.dice.random_range(1..3000))).await,
            14 => pass(POLL_INTERVAL).await,
            rest => {
                for _ in 0..rest / 8 {
                    tokio::task::yield_now().await;
                }
            }
        }
    }

    /// Waits until every reader shows what the database holds.
    async fn settle(&mut self) {
        let deadline = Instant::now() + PATIENCE;
        for round in 1.. {
            for viewer in &mut self.viewers {
                if !viewer.reader.is_connected() {
                    viewer.connect(self.replicas).await;
                }
                viewer.reader.read(usize::MAX);
            }
            let expected = self.expected().await;
            let differences: Vec<String> = self
                .viewers
                .iter()
                .map(|viewer| difference(&viewer.reader.client, &expected))
                .filter(|difference| !difference.is_empty())
                .collect();
            if differences.is_empty() {
                return;
            }
            assert!(Instant::now() < deadline, "seed {}, some readers show {differences:#?}", self.seed);
            match round % 10 {
                0 => pass(POLL_INTERVAL).await,
                3 | 6 => pass(Duration::from_millis(500)).await,
                _ => breathe().await,
            }
        }
    }

    /// What the database says that readers should show.
    async fn expected(&self) -> Expected {
        let state = &self.replicas[0].state;
        let chat = self.now().await;
        let messages = state.store.list_messages(self.chat, None, false, u32::MAX / 4).await.expect("readable");
        let truth = &self.replicas[0].truth;
        let versions = chat.versions;
        let mut client = Client::new(self.chat, truth.clone());
        client.messages = messages.into_iter().map(|message| (message.id, pb::Message::from(message))).collect();
        client.status = convert::status(chat.status);
        let since = crate::store::Since::Versions { history: u32::MAX / 4, queue: 0 };
        let snapshot = state.store.snapshot(self.chat, since).await.expect("readable").expect("a chat");
        client.queue = snapshot.queue.into_iter().flatten().map(Into::into).collect();
        if chat.status == Status::RequiresAction {
            client.calls = self.asked.iter().map(|id| called(id)).collect();
        }
        let key = EpisodeKey {
            chat: self.chat,
            history_version: versions.history,
            generation_attempt: versions.generation_attempt,
        };
        let speaks = matches!(chat.status, Status::Running | Status::Interrupting) && chat.retry_state.is_none();
        if speaks {
            client.live = truth.parts(key);
        }
        // Whoever came after the owner was gone has nowhere to read what it had said.
        let owner = self.runner.as_ref().is_some_and(|runner| chat.lease == Some(runner.lease()));
        let all_live = !speaks || (owner && self.runner.as_ref().is_some_and(|runner| runner.says(key)));
        client.error = chat.last_error;
        client.retry = chat.retry_state;
        Expected { client, all_live }
    }
}

fn called(id: &str) -> chatmesh_proto::common::v1::ToolCall {
    match crate::testing::call(id).body {
        Some(chatmesh_proto::common::v1::part::Body::ToolCall(call)) => call,
        other => panic!("{other:?}"),
    }
}
