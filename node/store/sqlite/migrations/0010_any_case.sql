-- Ids compare without case where partners have agreed on 2.2 or later, and with it where they have not.

-- +goose Up

-- id_key is the id in lower case from now on, for all modules: ids that differ in case alone stand side by side under it, and
-- whoever looks one up says whether that will do.
DROP INDEX object_key;

UPDATE object SET id_key = lower(id) WHERE id_key <> lower(id);

CREATE UNIQUE INDEX object_key ON object (collection, id_key, token_type, id);

ALTER TABLE removed RENAME TO removed_0009;

CREATE TABLE removed (
    collection   INTEGER NOT NULL REFERENCES collection (id),
    id_key       TEXT NOT NULL,
    token_type   TEXT NOT NULL,
    id           TEXT NOT NULL,
    audience     TEXT NOT NULL,
    created      INTEGER NOT NULL,
    change       INTEGER NOT NULL,
    changed      INTEGER NOT NULL,
    last_updated INTEGER NOT NULL,
    PRIMARY KEY (collection, id_key, token_type, id)
) STRICT, WITHOUT ROWID;

INSERT INTO removed (collection, id_key, token_type, id, audience, created, change, changed, last_updated)
    SELECT collection, lower(id), token_type, id, audience, created, change, changed, last_updated FROM removed_0009;

DROP TABLE removed_0009;

CREATE INDEX removed_change ON removed (collection, change);
