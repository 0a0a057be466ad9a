-- What workspaces run when they start and stop: a JSON array.
ALTER TABLE templates ADD COLUMN scripts TEXT NOT NULL DEFAULT '[]';
-- As the template had them when the agent got its first token.
ALTER TABLE agents ADD COLUMN scripts TEXT NOT NULL DEFAULT '[]';
