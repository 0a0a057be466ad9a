-- Files that messages refer to. One that belongs to no chat is deleted after a day.
CREATE TABLE chat_files (
    id BLOB PRIMARY KEY,
    owner_id BLOB NOT NULL,
    chat_id BLOB REFERENCES chats (id) ON DELETE CASCADE,
    -- Grows within the chat with every message that has files; the files of a message share it.
    position INTEGER NOT NULL DEFAULT 0,
    name TEXT NOT NULL,
    media_type TEXT NOT NULL,
    size_bytes INTEGER NOT NULL,
    request_id BLOB,
    created_at TEXT NOT NULL,
    -- NULL is "made room for newer files of the chat": what it was is still known.
    data BLOB
) STRICT;
CREATE UNIQUE INDEX chat_files_by_request ON chat_files (owner_id, request_id) WHERE request_id IS NOT NULL;
CREATE INDEX chat_files_by_chat ON chat_files (chat_id, position) WHERE chat_id IS NOT NULL;
CREATE INDEX chat_files_unused ON chat_files (created_at) WHERE chat_id IS NULL;

-- The title in lower case: the engines do not agree on what that is, so the service writes it.
ALTER TABLE chats ADD COLUMN title_search TEXT NOT NULL DEFAULT '';
UPDATE chats SET title_search = LOWER(title);
-- Lists show the chats that users started, the pinned ones apart.
DROP INDEX chats_by_owner;
DROP INDEX chats_pinned;
CREATE INDEX chats_listed ON chats (owner_id, archived, updated_at DESC, id DESC)
    WHERE parent_chat_id IS NULL AND pin_order = 0;
CREATE INDEX chats_pinned ON chats (owner_id, pin_order) WHERE pin_order > 0;
