-- Releases that are bundles. The digest of the archive stands beside the payload that names it, so that an archive which
-- no release names is found; who signed is the devices' business, whether anybody did is asked for each of them.

ALTER TABLE releases ADD COLUMN artifact TEXT;
ALTER TABLE releases ADD COLUMN signed BIGINT NOT NULL DEFAULT 0;
ALTER TABLE releases ADD COLUMN promoted_from TEXT;

-- When an artifact was last sent or named. Its row is locked by whoever names it and by whoever removes it.
CREATE TABLE artifacts (
    sha256 TEXT PRIMARY KEY,
    used_at BIGINT NOT NULL
);
