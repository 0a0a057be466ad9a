//! A chat with its first message.

use chatmesh_core::Uuid;
use chatmesh_db::{Db, values};

use super::{Change, carry_out, files};
use crate::domain::{Chat, Versions};
use crate::machine::{self, Operation, Rejected, State};
use crate::store::sql::rows::{encode_ids, encode_labels, encode_tools};
use crate::store::sql::settings::KEEP_DEPLOYMENT_PROMPT;
use crate::store::sql::statements::{FIND_CHAT_BY_REQUEST, INSERT_CHAT};
use crate::store::{NewChat, StoreError};

pub(in crate::store::sql) async fn create(db: &Db, new: NewChat) -> Result<(Chat, bool), StoreError> {
    let transition = machine::apply(State::N, Operation::CreateChat)?;
    let mut tx = db.begin().await?;
    let chat = Chat {
        versions: Versions::default(),
        last_message_id: 0,
        last_assistant_message_id: 0,
        last_read_message_id: 0,
        last_queued_id: 0,
        queued_count: 0,
        ..new.chat
    };
    let row = values![
        chat.id.0,
        chat.owner_id.0,
        chat.title.as_str(),
        chat.status.as_str(),
        chat.model.as_str(),
        chat.workspace_id,
        chat.system_prompt.as_str(),
        encode_labels(&chat.labels),
        chat.parent_id.map(Uuid::from),
        chat.root_id.map(Uuid::from),
        encode_tools(&new.dynamic_tools),
        chat.traceparent.clone(),
        new.request_id,
        chat.created_at,
        chat.title.to_lowercase(),
        encode_ids(chat.mcp_server_ids.as_deref())
    ];
    if tx.execute(INSERT_CHAT, row).await? == 0 {
        let earlier = tx.fetch_optional(FIND_CHAT_BY_REQUEST, values![chat.owner_id.0, new.request_id]).await?;
        return earlier.map(|chat| (chat, false)).ok_or(StoreError::Rejected(Rejected::Exists));
    }
    tx.execute(KEEP_DEPLOYMENT_PROMPT, values![chat.id.0, new.deployment_prompt]).await?;
    let now = chat.created_at;
    let mut message = new.message;
    files::give(&mut tx, &chat, &mut message.content).await?;
    let change = Change { messages: vec![message], ..Change::default() };
    let done = carry_out(&mut tx, chat, transition, change, now).await?;
    tx.commit().await?;
    Ok((done.chat, true))
}
