-- The place among the pinned chats of the owner, 1..n; 0 where it is not pinned.
ALTER TABLE chats ADD COLUMN pin_order INTEGER NOT NULL DEFAULT 0;
-- What the owner has seen, and the newest that there is to see.
ALTER TABLE chats ADD COLUMN last_read_message_id INTEGER NOT NULL DEFAULT 0;
ALTER TABLE chats ADD COLUMN last_assistant_message_id INTEGER NOT NULL DEFAULT 0;
UPDATE chats SET last_assistant_message_id = COALESCE((SELECT MAX(id) FROM chat_messages
    WHERE chat_messages.chat_id = chats.id AND role = 'assistant' AND NOT deleted AND visibility <> 'model'), 0);
-- The tools that the client runs.
ALTER TABLE chats ADD COLUMN dynamic_tools BLOB;
ALTER TABLE chat_messages ADD COLUMN total_cost_micros INTEGER;
ALTER TABLE chat_queued_messages ADD COLUMN traceparent TEXT;

CREATE INDEX chats_by_parent ON chats (parent_chat_id) WHERE parent_chat_id IS NOT NULL;
CREATE INDEX chats_by_root ON chats (root_chat_id) WHERE root_chat_id IS NOT NULL;
CREATE INDEX chats_pinned ON chats (owner_id) WHERE pin_order > 0;
CREATE INDEX chats_action_deadlines ON chats (requires_action_deadline_at) WHERE status = 'requires_action';

-- The processes that run chats: where their live parts are read, and how much more they can take.
CREATE TABLE chat_workers (
    worker_id BLOB PRIMARY KEY,
    address TEXT NOT NULL,
    free_roots INTEGER NOT NULL,
    free_subagents INTEGER NOT NULL,
    seen_at TEXT NOT NULL
) STRICT;
-- Answers that wait for their tools are now kept in an encoding of their own; the few that are
-- under way are asked for again.
DELETE FROM chat_steps;
