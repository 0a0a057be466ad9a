-- What users were granted at MCP servers with OAuth.
CREATE TABLE mcp_grants (
    server_id BLOB NOT NULL REFERENCES mcp_servers (id) ON DELETE CASCADE,
    user_id BLOB NOT NULL,
    -- Grows by one with every change: of two renewals at once, one counts.
    version INTEGER NOT NULL,
    -- Tokens, and where they are renewed; sealed with the key of the deployment, bound to server and user.
    sealed BLOB NOT NULL,
    -- True where the server takes it no more and only the user can help.
    is_dead INTEGER NOT NULL,
    updated_at TEXT NOT NULL,
    PRIMARY KEY (server_id, user_id)
) STRICT;
CREATE INDEX mcp_grants_by_user ON mcp_grants (user_id);

-- Users who were sent to an authorization server and are not back yet.
CREATE TABLE mcp_logins (
    -- The state that comes back with them.
    id BLOB PRIMARY KEY,
    server_id BLOB NOT NULL REFERENCES mcp_servers (id) ON DELETE CASCADE,
    user_id BLOB NOT NULL,
    sealed BLOB NOT NULL,
    created_at TEXT NOT NULL
) STRICT;
CREATE INDEX mcp_logins_by_age ON mcp_logins (created_at);
