-- One process renews a grant at a time: what it shows is worth nothing afterwards, and who shows it twice loses the
-- grant. Until then nobody else does; NULL where nobody renews it.
ALTER TABLE mcp_grants ADD COLUMN renewing_until TIMESTAMPTZ;
-- The user, or a move of the server, took it back: nothing is left of it but its version, which never begins anew.
ALTER TABLE mcp_grants ADD COLUMN is_forgotten BOOLEAN NOT NULL DEFAULT FALSE;
