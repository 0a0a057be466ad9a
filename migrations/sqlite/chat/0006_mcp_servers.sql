-- The chosen MCP servers: identifiers, as a JSON array. Null where nothing was chosen.
ALTER TABLE chats ADD COLUMN mcp_server_ids TEXT;
