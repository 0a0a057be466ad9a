-- What a chat's workspace last said of itself, for turns in which it does not answer. A workspace that has
-- nothing to say has a row, too; one that could not be asked leaves the row as it is.
CREATE TABLE chat_workspace_contexts (
    chat_id BLOB PRIMARY KEY REFERENCES chats (id) ON DELETE CASCADE,
    -- What another workspace said is of no use.
    workspace_id BLOB NOT NULL,
    context TEXT NOT NULL,
    skill_index TEXT NOT NULL,
    read_at TEXT NOT NULL
) STRICT;
