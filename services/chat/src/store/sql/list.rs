//! The list of a user's chats: the pinned ones in their order, then the others, the last changed
//! first. Each half has an index that yields its order, so that a page costs what it holds.

use chatmesh_core::{Timestamp, Uuid};
use chatmesh_db::{Db, Sql, values};
use chatmesh_rpc::UserId;
use serde_json::json;

use super::statements::chat_columns;
use crate::domain::{Chat, ChatFilter};
use crate::store::{ListCursor, StoreError};

/// What both halves and both engines have in common.
macro_rules! filter {
    ($titles:literal, $labels:literal) => {
        concat!(
            "owner_id = $1 AND parent_chat_id IS NULL AND archived = $2 \
             AND ((last_assistant_message_id > last_read_message_id) = $3 OR $3 IS NULL) \
             AND (status = $4 OR $4 IS NULL) AND NOT EXISTS (",
            $titles,
            ") AND NOT EXISTS (",
            $labels,
            ")"
        )
    };
}

/// `$5` are parts of the title as a JSON array, `$6` are labels as an array of arrays of two.
macro_rules! select {
    ($rest:literal) => {
        Sql::split(
            concat!(
                "SELECT ",
                chat_columns!(),
                " FROM chats WHERE ",
                filter!(
                    "SELECT 1 FROM jsonb_array_elements_text(CAST($5 AS TEXT)::jsonb) AS part (value) \
                     WHERE strpos(title_search, part.value) = 0",
                    "SELECT 1 FROM jsonb_array_elements(CAST($6 AS TEXT)::jsonb) AS label (pair) \
                     WHERE labels::jsonb ->> (label.pair ->> 0) IS DISTINCT FROM label.pair ->> 1"
                ),
                $rest
            ),
            concat!(
                "SELECT ",
                chat_columns!(),
                " FROM chats WHERE ",
                filter!(
                    "SELECT 1 FROM json_each($5) AS part WHERE instr(title_search, part.value) = 0",
                    "SELECT 1 FROM json_each($6) AS label WHERE NOT EXISTS (SELECT 1 FROM json_each(chats.labels) AS own \
                     WHERE own.key = json_extract(label.value, '$[0]') AND own.value = json_extract(label.value, '$[1]'))"
                ),
                $rest
            ),
        )
    };
}

pub(super) const LIST_PINNED: Sql = select!(" AND pin_order > 0 AND pin_order > $7 ORDER BY pin_order LIMIT $8");
pub(super) const LIST_UNPINNED: Sql =
    select!(" AND pin_order = 0 AND (updated_at, id) < ($7, $8) ORDER BY updated_at DESC, id DESC LIMIT $9");

/// After every moment at which a chat changes.
const NEVER: Timestamp = Timestamp::from_timestamp(253_402_300_799, 0).expect("the year 9999 is in range");

pub(super) async fn list(
    db: &Db,
    owner: UserId,
    filter: &ChatFilter,
    after: Option<ListCursor>,
    limit: u32,
) -> Result<Vec<Chat>, StoreError> {
    let titles: Vec<String> = filter.titles.iter().map(|title| title.to_lowercase()).collect();
    let common = values![
        owner.0,
        filter.archived,
        filter.has_unread,
        filter.status.map(|status| status.as_str()),
        json!(titles).to_string(),
        json!(filter.labels).to_string()
    ];
    // Both halves as of one moment: a chat that is pinned meanwhile is not shown twice.
    let mut tx = db.begin_read().await?;
    let mut chats: Vec<Chat> = match after {
        Some(ListCursor { pin_order: 0, .. }) => Vec::new(),
        _ => {
            let seen = after.map_or(0, |cursor| cursor.pin_order);
            tx.fetch_all(LIST_PINNED, [common.clone(), values![seen, limit]].concat()).await?
        }
    };
    let room = limit.saturating_sub(u32::try_from(chats.len()).unwrap_or(u32::MAX));
    if room > 0 {
        let (time, id) = match after {
            Some(ListCursor { pin_order: 0, updated_at, id }) => (updated_at, id.0),
            _ => (NEVER, Uuid::max()),
        };
        let rest: Vec<Chat> = tx.fetch_all(LIST_UNPINNED, [common, values![time, id, room]].concat()).await?;
        chats.extend(rest);
    }
    tx.commit().await?;
    Ok(chats)
}
