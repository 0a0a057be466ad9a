-- MCP servers outside of the mesh.
CREATE TABLE mcp_servers (
    id UUID PRIMARY KEY,
    slug TEXT NOT NULL UNIQUE,
    enabled BOOLEAN NOT NULL,
    -- Grows by one with every change.
    version BIGINT NOT NULL,
    -- A message McpServer without what is in the other columns.
    settings BYTEA NOT NULL,
    -- Sealed with the key of the deployment, bound to this row.
    sealed_secrets BYTEA,
    request_id UUID UNIQUE,
    created_at TIMESTAMPTZ NOT NULL,
    updated_at TIMESTAMPTZ NOT NULL
);
