-- What users were granted at MCP servers with OAuth.
CREATE TABLE mcp_grants (
    server_id UUID NOT NULL REFERENCES mcp_servers (id) ON DELETE CASCADE,
    user_id UUID NOT NULL,
    -- Grows by one with every change: of two renewals at once, one counts.
    version BIGINT NOT NULL,
    -- Tokens, and where they are renewed; sealed with the key of the deployment, bound to server and user.
    sealed BYTEA NOT NULL,
    -- True where the server takes it no more and only the user can help.
    is_dead BOOLEAN NOT NULL,
    updated_at TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (server_id, user_id)
);
CREATE INDEX mcp_grants_by_user ON mcp_grants (user_id);

-- Users who were sent to an authorization server and are not back yet.
CREATE TABLE mcp_logins (
    -- The state that comes back with them.
    id UUID PRIMARY KEY,
    server_id UUID NOT NULL REFERENCES mcp_servers (id) ON DELETE CASCADE,
    user_id UUID NOT NULL,
    sealed BYTEA NOT NULL,
    created_at TIMESTAMPTZ NOT NULL
);
CREATE INDEX mcp_logins_by_age ON mcp_logins (created_at);
