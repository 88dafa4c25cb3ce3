-- Partners have several tokens, which overlap while they change, and more to remember than a name.

-- +goose Up

-- The tokens partners call us with.
CREATE TABLE partner_token (
    -- SHA-256 of the token. The token itself is not kept.
    hash    BLOB PRIMARY KEY,
    partner TEXT NOT NULL,
    -- What the token is good for, in the words of package handshake.
    status  TEXT NOT NULL,
    -- Microseconds since 1970, UTC; 0 for never.
    expires INTEGER NOT NULL,
    used    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX partner_token_partner ON partner_token (partner);

INSERT INTO partner_token (hash, partner, status, expires, used)
    SELECT token, name, 'current', 0, added FROM partner;

ALTER TABLE partner RENAME TO partner_0001;

CREATE TABLE partner (
    name     TEXT PRIMARY KEY,
    -- [{"role": "EMSP", "country_code": "NL", "party_id": "ABC"}, ...]
    roles    TEXT NOT NULL,
    -- Our parties that deal with this partner, [{"country_code": "DE", "party_id": "ROA"}, ...]; empty means all.
    serves   TEXT NOT NULL,
    -- The version agreed on; '' before that.
    version  TEXT NOT NULL,
    -- What the partner may call: '' for everything, 'registration', 'suspended'.
    access   TEXT NOT NULL,
    -- The profile of deviations.
    quirks   TEXT NOT NULL,
    -- Everything about the registration, as JSON with its secrets encrypted; empty for a partner added by hand.
    relation BLOB NOT NULL,
    -- Microseconds since 1970, UTC.
    added    INTEGER NOT NULL
) STRICT;

INSERT INTO partner (name, roles, serves, version, access, quirks, relation, added)
    SELECT name, roles, serves, version, '', '', x'', added FROM partner_0001;

DROP TABLE partner_0001;

-- What the node says of itself to the commands that run beside it.
CREATE TABLE note (
    name  TEXT PRIMARY KEY,
    value BLOB NOT NULL
) STRICT, WITHOUT ROWID;
