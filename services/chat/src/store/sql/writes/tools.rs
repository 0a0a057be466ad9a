//! The results of the client's tools, or what stands in their place.

use std::collections::HashMap;

use chatmesh_core::Timestamp;
use chatmesh_db::{Db, values};
use chatmesh_proto::common::v1::part::Body;
use chatmesh_proto::common::v1::{Part, Role, ToolResult};

use super::{Change, Outcome, carry_out, lock};
use crate::domain::{Chat, ChatId, Message, NewMessage};
use crate::machine::{self, Operation};
use crate::store::open_calls::open_calls;
use crate::store::sql::statements::LAST_STEP;
use crate::store::{ClientResult, StoreError};

pub(in crate::store::sql) async fn submit_tool_results(
    db: &Db,
    id: ChatId,
    results: Vec<ClientResult>,
    now: Timestamp,
) -> Result<Outcome, StoreError> {
    let mut tx = db.begin().await?;
    let chat = lock(&mut tx, id).await?;
    let row = machine::apply(chat.state(), Operation::CompleteRequiresAction)?;
    let last_step: Vec<Message> = tx.fetch_all(LAST_STEP, values![id.0]).await?;
    let mut given: HashMap<String, ClientResult> =
        results.into_iter().map(|result| (result.call_id.clone(), result)).collect();
    let mut missing = Vec::new();
    let mut messages = Vec::new();
    for call in open_calls(&last_step) {
        let Some(result) = given.remove(&call.call_id) else {
            missing.push(call.call_id);
            continue;
        };
        let result = ToolResult {
            call_id: call.call_id,
            name: call.name,
            result: result.output,
            is_error: result.is_error,
            provider_executed: false,
            ..ToolResult::default()
        };
        messages
            .push(NewMessage::new(Role::Tool, vec![Part { body: Some(Body::ToolResult(result)), ..Part::default() }]));
    }
    if !missing.is_empty() || !given.is_empty() {
        let mut unexpected: Vec<String> = given.into_keys().collect();
        unexpected.sort_unstable();
        return Err(StoreError::WrongCalls { missing, unexpected });
    }
    let change = Change { messages, ..Change::default() };
    let done = carry_out(&mut tx, chat, row, change, now).await?;
    tx.commit().await?;
    Ok(done)
}

/// Goes on without the client's results where it has not handed them in by its deadline.
pub(in crate::store::sql) async fn cancel_action(db: &Db, id: ChatId, now: Timestamp) -> Result<Chat, StoreError> {
    let mut tx = db.begin().await?;
    let chat = lock(&mut tx, id).await?;
    if chat.action_deadline_at.is_some_and(|deadline| deadline > now) {
        // It was given a new deadline meanwhile.
        return Ok(chat);
    }
    let row = machine::apply(chat.state(), Operation::CancelRequiresAction)?;
    let done = carry_out(&mut tx, chat, row, Change::default(), now).await?;
    tx.commit().await?;
    Ok(done.chat)
}
