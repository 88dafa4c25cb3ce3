-- What the operator's own systems see and do: events, commands, hooks, keys.

-- +goose Up

-- What has happened, in the order of commits. Old rows are removed.
CREATE TABLE event (
    -- From the sequence 'change'.
    number  INTEGER PRIMARY KEY,
    -- Microseconds since 1970, UTC.
    time    INTEGER NOT NULL,
    type    TEXT NOT NULL,
    subject TEXT NOT NULL,
    partner TEXT NOT NULL,
    module  TEXT NOT NULL,
    data    BLOB NOT NULL
) STRICT;

CREATE INDEX event_time ON event (time);

-- Commands sent and received.
CREATE TABLE command (
    no       INTEGER PRIMARY KEY AUTOINCREMENT,
    id       TEXT NOT NULL UNIQUE,
    received INTEGER NOT NULL,
    partner  TEXT NOT NULL,
    type     TEXT NOT NULL,
    state    TEXT NOT NULL,
    match    TEXT NOT NULL,
    -- Microseconds since 1970, UTC; 0 for never.
    created  INTEGER NOT NULL,
    changed  INTEGER NOT NULL,
    due      INTEGER NOT NULL,
    body     BLOB NOT NULL
) STRICT;

CREATE INDEX command_due ON command (received, due) WHERE due > 0;
CREATE INDEX command_match ON command (match, created) WHERE match <> '';

-- Addresses that events are sent to.
CREATE TABLE hook (
    id     TEXT PRIMARY KEY,
    cursor INTEGER NOT NULL,
    state  BLOB NOT NULL
) STRICT, WITHOUT ROWID;

-- Events that a hook did not take.
CREATE TABLE dead_event (
    hook    TEXT NOT NULL,
    number  INTEGER NOT NULL,
    time    INTEGER NOT NULL,
    type    TEXT NOT NULL,
    subject TEXT NOT NULL,
    partner TEXT NOT NULL,
    module  TEXT NOT NULL,
    data    BLOB NOT NULL,
    reason  TEXT NOT NULL,
    died    INTEGER NOT NULL,
    PRIMARY KEY (hook, number)
) STRICT, WITHOUT ROWID;

-- Keys of the API.
CREATE TABLE access_key (
    -- SHA-256 of the key. The key itself is not kept.
    hash    BLOB PRIMARY KEY,
    name    TEXT NOT NULL UNIQUE,
    -- ["read", ...]
    scopes  TEXT NOT NULL,
    added   INTEGER NOT NULL,
    expires INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- What requests with an idempotency key were answered.
CREATE TABLE answer (
    key     TEXT PRIMARY KEY,
    request BLOB NOT NULL,
    begun   INTEGER NOT NULL,
    status  INTEGER NOT NULL,
    header  BLOB NOT NULL,
    body    BLOB NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX answer_begun ON answer (begun);
