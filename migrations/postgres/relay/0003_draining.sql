-- Since when a replica hands its agents over to others; it takes none any more.
ALTER TABLE relay_replicas ADD COLUMN drains_since TIMESTAMPTZ;
