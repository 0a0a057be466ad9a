//! What clients do, at random.

use chatmesh_chat::{ChatStore as _, Edit, Metadata, NewMessage, Outgoing, Visibility};
use chatmesh_core::{IdSource as _, SystemIds};
use chatmesh_proto::common::v1::Role;
use proptest::sample::Index;

use super::run::{Request, Run, agree};
use super::step::Step;
use crate::content::{client_result, marker, result, text_of};
use crate::line::Line;
use crate::model::{Household, Wish};
use crate::refusal::Why;

impl Run<'_> {
    pub(super) async fn send(&mut self, at: usize, interrupt: bool) -> Result<(), Why> {
        let (text, id) = (self.new_text(), SystemIds.next());
        let outgoing = Outgoing { interrupt, ..self.world.request(&text, id) };
        let message = outgoing.message.clone();
        let stored = self.world.try_send(self.home.chats[at].id, outgoing).await;
        if let Ok(sent) = &stored {
            assert!(sent.changed, "a new request");
            let queued = sent.queued.as_ref().map(|one| text_of(&one.content));
            assert!(queued.is_none_or(|queued| queued == text), "{sent:?}");
            self.sent[at].push(Request { id, text: text.clone(), is_edit: false });
        }
        let queued = stored.as_ref().ok().map(|sent| sent.queued.is_some());
        let outcome =
            self.committed(at, stored.map(|sent| (sent.chat, sent.messages)), |model| model.send(&message, interrupt));
        let waits = self.home.chats[at].queue.iter().any(|(_, queued)| *queued == text);
        assert!(queued.is_none_or(|queued| queued == waits), "whether it waits");
        outcome
    }

    /// Makes a request again whose result is still there.
    pub(super) async fn repeat(&mut self, at: usize, which: Index) {
        let model = &self.home.chats[at];
        let is_there = |request: &&Request| {
            let waits = model.queue.iter().any(|(_, text)| *text == request.text);
            waits || model.lines.iter().any(|line| line.text == request.text && line.shown_to == Visibility::Both)
        };
        // The first message was not sent with a request.
        let requests: Vec<&Request> = self.sent[at].iter().skip(1).filter(is_there).collect();
        let Some(request) = requests.get(which.index(requests.len().max(1))) else { return };
        let outgoing = self.world.request("other words", request.id);
        let found: Vec<String> = if request.is_edit {
            let Outgoing { message, model: name, traceparent, .. } = outgoing;
            let edit = Edit { message_id: 1, message, model: name, traceparent };
            let edited = self.world.store.edit(model.id, edit, self.world.now).await.expect("repeated");
            assert!(!edited.changed && edited.deleted.is_empty(), "{edited:?}");
            edited.messages.iter().map(|one| text_of(&one.body.content)).collect()
        } else {
            let sent = self.world.try_send(model.id, outgoing).await.expect("repeated");
            assert!(!sent.changed, "{sent:?}");
            let queued = sent.queued.iter().map(|one| text_of(&one.content));
            sent.messages.iter().map(|one| text_of(&one.body.content)).chain(queued).collect()
        };
        assert_eq!(found, std::slice::from_ref(&request.text), "the first result, once");
    }

    pub(super) async fn edit(&mut self, at: usize, step: &Step) -> Result<(), Why> {
        let model = &self.home.chats[at];
        let own = |line: &&Line| !line.deleted && line.role == Role::User && line.shown_to == Visibility::Both;
        let own: Vec<u32> = model.lines.iter().filter(own).map(|line| line.id).collect();
        let any = step.which.index(model.lines.len() + 2);
        let message_id = match own.get(step.which.index(own.len().max(1))) {
            Some(id) if step.number > 0 => *id,
            _ => u32::try_from(any).expect("small"),
        };
        let (text, id) = (self.new_text(), SystemIds.next());
        let Outgoing { message, model: name, traceparent, .. } = self.world.request(&text, id);
        let edit = Edit { message_id, message: message.clone(), model: name, traceparent };
        let before = self.home.chats[at].clone();
        let stored = self.world.store.edit(before.id, edit, self.world.now).await;
        let deleted = stored.as_ref().ok().map(|edited| edited.deleted.clone());
        let outcome = self.committed(at, stored.map(|edited| (edited.chat, edited.messages)), |model| {
            model.edit(message_id, &message)
        });
        if outcome.is_ok() {
            let after = &self.home.chats[at];
            let removed = before.lines.iter().zip(&after.lines).filter(|(old, new)| new.deleted && !old.deleted);
            let removed: Vec<&Line> = removed.map(|(old, _)| old).collect();
            assert_eq!(deleted, Some(removed.iter().map(|line| line.id).collect()), "what is forgotten is told");
            // A copy for the model alone is gone while what it is a copy of may stand.
            let said = removed.iter().filter(|line| line.shown_to == Visibility::Both);
            self.taken_back.extend(said.map(|line| line.text.clone()));
            self.taken_back.extend(before.queue.iter().map(|(_, text)| text.clone()));
            self.sent[at].push(Request { id, text, is_edit: true });
        }
        outcome
    }

    /// The number of a message that waits, or now and then of none.
    fn waiting(&self, at: usize, step: &Step) -> u32 {
        let model = &self.home.chats[at];
        let found = model.queue.get(step.which.index(model.queue.len().max(1)));
        found.filter(|_| step.number > 0).map_or(model.last_queued + 1, |(id, _)| *id)
    }

    pub(super) async fn delete_queued(&mut self, at: usize, step: &Step) -> Result<(), Why> {
        let queued_id = self.waiting(at, step);
        let model = &mut self.home.chats[at];
        let text = model.queue.iter().find(|(id, _)| *id == queued_id).map(|(_, text)| text.clone());
        let stored = self.world.store.delete_queued(model.id, queued_id, self.world.now).await;
        let outcome = agree(stored.map(|(chat, _)| chat), model.delete_queued(queued_id));
        if outcome.is_ok() {
            self.taken_back.extend(text);
        }
        outcome
    }

    pub(super) async fn promote(&mut self, at: usize, step: &Step) -> Result<(), Why> {
        let queued_id = self.waiting(at, step);
        let stored = self.world.store.promote_queued(self.home.chats[at].id, queued_id, self.world.now).await;
        self.committed(at, stored, |model| model.promote(queued_id))
    }

    /// Hands in the results that are asked for; now and then one too few or too many.
    pub(super) async fn submit(&mut self, at: usize, step: &Step) -> Result<(), Why> {
        let calls = self.home.chats[at].open_calls();
        let rows: Vec<NewMessage> = calls.iter().map(|call| result(call)).collect();
        let mut results: Vec<_> = calls.iter().map(|call| client_result(call)).collect();
        match (step.number, step.flag) {
            (0, true) => drop(results.pop()),
            (1, true) => results.push(client_result("nobody asked")),
            _ => {}
        }
        let stored =
            self.world.store.submit_tool_results(self.home.chats[at].id, results.clone(), self.world.now).await;
        self.committed(at, stored, |model| model.submit(&results, &rows))
    }

    pub(super) async fn clear(&mut self, at: usize) -> Result<(), Why> {
        let text = self.new_text();
        let rows = marker("chat_cleared", &text, &text);
        let stored = self.world.store.clear_context(self.home.chats[at].id, rows.clone(), self.world.now).await;
        self.committed(at, stored, |model| model.clear(&rows))
    }

    pub(super) async fn update(&mut self, at: usize, step: &Step) -> Result<(), Why> {
        let archived = self.home.chats[at].archived;
        let order = u32::try_from(step.which.index(5)).expect("small");
        let metadata = Metadata { title: Some(self.new_text()), ..Metadata::default() };
        let wish = match step.number {
            _ if archived && step.flag => Wish { archived: Some(false), ..Wish::default() },
            0 => Wish { metadata, ..Wish::default() },
            1 => Wish { archived: Some(!archived), pin_order: step.flag.then_some(order), ..Wish::default() },
            2 => Wish { pin_order: Some(order), ..Wish::default() },
            _ => Wish { metadata, pin_order: Some(order), archived: step.flag.then_some(archived) },
        };
        let before = self.home.clone();
        let stored = self.world.store.update(before.chats[at].id, wish.clone(), self.world.now).await;
        let outcome = self.home.update(at, &wish);
        if let Ok(updated) = &stored {
            let changed = |different: fn(&Household, &Household, usize) -> bool| {
                let others = (0..before.chats.len()).filter(|other| *other != at);
                let mut ids: Vec<_> = others.filter(|other| different(&before, &self.home, *other)).collect();
                ids.sort_unstable();
                ids.into_iter().map(|other| before.chats[other].id).collect::<Vec<_>>()
            };
            let family = changed(|old, new, at| old.chats[at].archived != new.chats[at].archived);
            let moved =
                changed(|old, new, at| old.places().get(&old.chats[at].id) != new.places().get(&old.chats[at].id));
            let ids = |chats: &[chatmesh_chat::Chat]| {
                let mut ids: Vec<_> = chats.iter().map(|chat| chat.id).collect();
                ids.sort_unstable();
                ids
            };
            assert_eq!((ids(&updated.family), ids(&updated.moved)), (family, moved), "who else changed is told");
        }
        agree(stored.map(|updated| updated.chat), outcome)
    }
}
