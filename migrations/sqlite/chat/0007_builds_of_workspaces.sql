-- The build of the workspace that a tool of the chat asked for last.
ALTER TABLE chats ADD COLUMN build_id BLOB;
