-- How often the build was handed out: one that ends each of its provisioners is not handed out for ever.
ALTER TABLE builds ADD COLUMN leases BIGINT NOT NULL DEFAULT 0;
