-- When the workspace is stopped at the latest, however much it is used; NULL where there is no such bound.
ALTER TABLE builds ADD COLUMN max_deadline TIMESTAMPTZ;
-- The variables with which the owner of the workspace starts its agents: a JSON object; NULL where the provisioner has
-- started them.
ALTER TABLE builds ADD COLUMN agent_environment TEXT;
