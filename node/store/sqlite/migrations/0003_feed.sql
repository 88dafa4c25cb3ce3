-- The feed of changes, how far pushes and pulls have come, and what the operator decides about partners.

-- +goose Up

-- The number of the latest change that touched more of the object than the parts below.
ALTER TABLE object ADD COLUMN whole INTEGER NOT NULL DEFAULT 0;
-- When the latest change was made. Microseconds since 1970, UTC.
ALTER TABLE object ADD COLUMN changed INTEGER NOT NULL DEFAULT 0;
-- 1 if last_updated is a time of ours.
ALTER TABLE object ADD COLUMN stamped INTEGER NOT NULL DEFAULT 0;

UPDATE object SET whole = change, changed = last_updated;

-- For the feed of one collection.
CREATE INDEX object_change ON object (collection, change);

-- What has changed in a location since it changed as a whole.
CREATE TABLE part (
    object    INTEGER NOT NULL,
    evse      TEXT NOT NULL,
    -- '' for the EVSE itself.
    connector TEXT NOT NULL,
    -- The numbers of the latest change that was more than a status, and of the latest status; 0 for none.
    change    INTEGER NOT NULL,
    status    INTEGER NOT NULL,
    PRIMARY KEY (object, evse, connector)
) STRICT, WITHOUT ROWID;

-- +goose StatementBegin
CREATE TRIGGER object_parts_deleted AFTER DELETE ON object
BEGIN
    DELETE FROM part WHERE object = old.created;
END;
-- +goose StatementEnd

-- Objects that were deleted, and not created again since.
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
    PRIMARY KEY (collection, id_key, token_type)
) STRICT, WITHOUT ROWID;

CREATE INDEX removed_change ON removed (collection, change);

-- What the operator has decided about a partner, as JSON; empty for the defaults.
ALTER TABLE partner ADD COLUMN policy BLOB NOT NULL DEFAULT x'';

-- How far the pushes of one module to one partner have come.
CREATE TABLE lane (
    partner TEXT NOT NULL,
    module  TEXT NOT NULL,
    -- The number of the change up to which everything was dealt with.
    cursor  INTEGER NOT NULL,
    state   BLOB NOT NULL,
    PRIMARY KEY (partner, module)
) STRICT, WITHOUT ROWID;

-- What a lane has to remember about one object.
CREATE TABLE delivery (
    partner      TEXT NOT NULL,
    module       TEXT NOT NULL,
    country_code TEXT NOT NULL,
    party_id     TEXT NOT NULL,
    id           TEXT NOT NULL,
    token_type   TEXT NOT NULL,
    -- The change that the partner has; 0 for none.
    sent         INTEGER NOT NULL,
    -- 1 while the object waits for another try.
    held         INTEGER NOT NULL,
    -- Microseconds since 1970, UTC; 0 for waiting for a person.
    due          INTEGER NOT NULL,
    state        BLOB NOT NULL,
    PRIMARY KEY (partner, module, country_code, party_id, id, token_type)
) STRICT, WITHOUT ROWID;

CREATE INDEX delivery_held ON delivery (partner, module, due) WHERE held = 1;

-- How far the pulls of one module from one partner have come.
CREATE TABLE pull (
    partner TEXT NOT NULL,
    module  TEXT NOT NULL,
    state   BLOB NOT NULL,
    PRIMARY KEY (partner, module)
) STRICT, WITHOUT ROWID;

-- Objects, and EVSEs of locations, that were not in a partner's list when all of it was pulled.
CREATE TABLE missing (
    source       TEXT NOT NULL,
    module       TEXT NOT NULL,
    country_code TEXT NOT NULL,
    party_id     TEXT NOT NULL,
    id           TEXT NOT NULL,
    token_type   TEXT NOT NULL,
    evse         TEXT NOT NULL,
    pulls        INTEGER NOT NULL,
    since        INTEGER NOT NULL,
    PRIMARY KEY (source, module, country_code, party_id, id, token_type, evse)
) STRICT, WITHOUT ROWID;

-- The right to work on something alone.
CREATE TABLE lease (
    name   TEXT PRIMARY KEY,
    holder TEXT NOT NULL,
    until  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
