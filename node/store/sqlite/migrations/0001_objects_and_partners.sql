-- Objects of all modules, and the partners that may call us.

-- +goose Up

-- A collection is the objects of one module that belong to one party and came from one partner. Objects of our own
-- have the source ''. Collections are never deleted.
CREATE TABLE collection (
    id           INTEGER PRIMARY KEY,
    module       TEXT NOT NULL,
    source       TEXT NOT NULL,
    country_code TEXT NOT NULL,
    party_id     TEXT NOT NULL,
    -- The number of the latest change to one of the objects, also of a deletion.
    latest       INTEGER NOT NULL DEFAULT 0,
    UNIQUE (module, source, country_code, party_id)
) STRICT;

-- An object without its JSON, which is in content: these rows are small, so that finding and counting objects reads
-- few pages.
CREATE TABLE object (
    -- The place in the order of creation. AUTOINCREMENT never gives a number twice, not even after deletes.
    created      INTEGER PRIMARY KEY AUTOINCREMENT,
    collection   INTEGER NOT NULL REFERENCES collection (id),
    id           TEXT NOT NULL,
    -- The id as it is compared: in lower case for CDRs, unchanged for everything else.
    id_key       TEXT NOT NULL,
    -- Part of a token's identity; '' for everything else.
    token_type   TEXT NOT NULL,
    -- The one party that may list the object, as 'NL/ABC'; '' for everybody.
    audience     TEXT NOT NULL,
    -- The number of the latest change, from sequence.
    change       INTEGER NOT NULL,
    -- Microseconds since 1970, UTC.
    last_updated INTEGER NOT NULL
) STRICT;

CREATE UNIQUE INDEX object_key ON object (collection, id_key, token_type);

-- SQLite adds the row's number, created, at the end of every index: this one is the order of every list. Its columns
-- are those by which selections choose.
CREATE INDEX object_order ON object (collection, audience, token_type);

-- For lists with dates.
CREATE INDEX object_window ON object (collection, audience, token_type, last_updated);

-- For the feed of changes.
CREATE UNIQUE INDEX object_feed ON object (change);

-- The forms an object is kept in: 0 is the JSON in the model's terms, every other number is the JSON that partners of
-- one version get.
CREATE TABLE form (
    no      INTEGER PRIMARY KEY,
    version TEXT NOT NULL UNIQUE
) STRICT;

INSERT INTO form (no, version) VALUES (0, '');

-- The JSON of objects. The number of a row is the form's number * 2^48 + the object's created: a page of one version
-- is then read from neighbouring rows, without an index.
CREATE TABLE content (
    id   INTEGER PRIMARY KEY,
    json BLOB NOT NULL
) STRICT;

-- How many objects there are, so that a list's total need not be counted. The triggers below keep it right.
CREATE TABLE tally (
    collection INTEGER NOT NULL,
    audience   TEXT NOT NULL,
    token_type TEXT NOT NULL,
    objects    INTEGER NOT NULL,
    PRIMARY KEY (collection, audience, token_type)
) STRICT, WITHOUT ROWID;

-- +goose StatementBegin
CREATE TRIGGER object_inserted AFTER INSERT ON object
BEGIN
    INSERT INTO tally (collection, audience, token_type, objects)
        VALUES (new.collection, new.audience, new.token_type, 1)
        ON CONFLICT DO UPDATE SET objects = objects + 1;
END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER object_moved AFTER UPDATE OF audience ON object WHEN old.audience <> new.audience
BEGIN
    UPDATE tally SET objects = objects - 1
        WHERE collection = old.collection AND audience = old.audience AND token_type = old.token_type;
    INSERT INTO tally (collection, audience, token_type, objects)
        VALUES (new.collection, new.audience, new.token_type, 1)
        ON CONFLICT DO UPDATE SET objects = objects + 1;
END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER object_deleted AFTER DELETE ON object
BEGIN
    UPDATE tally SET objects = objects - 1
        WHERE collection = old.collection AND audience = old.audience AND token_type = old.token_type;
    DELETE FROM content WHERE id IN (SELECT (no << 48) + old.created FROM form);
END;
-- +goose StatementEnd

-- Numbers that only ever grow.
CREATE TABLE sequence (
    name  TEXT PRIMARY KEY,
    value INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

INSERT INTO sequence (name, value) VALUES ('change', 0);

-- The platforms that may call us.
CREATE TABLE partner (
    name    TEXT PRIMARY KEY,
    -- SHA-256 of the token the partner calls us with. The token itself is not kept.
    token   BLOB NOT NULL UNIQUE,
    -- [{"role": "EMSP", "country_code": "NL", "party_id": "ABC"}, ...]
    roles   TEXT NOT NULL,
    -- Our parties that deal with this partner, [{"country_code": "DE", "party_id": "ROA"}, ...]; empty means all.
    serves  TEXT NOT NULL,
    -- The version agreed on; '' before that.
    version TEXT NOT NULL,
    -- Microseconds since 1970, UTC.
    added   INTEGER NOT NULL
) STRICT;
