-- What CDRs are checked against, and what came of it.

-- +goose Up

-- Tariffs as they were, ours and partners': a CDR comes later than its tariff changes.
CREATE TABLE tariff_state (
    no           INTEGER PRIMARY KEY AUTOINCREMENT,
    -- The object while there is one, by its created.
    object       INTEGER NOT NULL,
    -- The partner it came from; empty for ours.
    source       TEXT NOT NULL,
    country_code TEXT NOT NULL,
    party_id     TEXT NOT NULL,
    -- The id in lower case.
    id_key       TEXT NOT NULL,
    id           TEXT NOT NULL,
    -- From when the tariff was so, by its last_updated, up to when it was otherwise or removed; 0 while it still is. Microseconds
    -- since 1970, UTC.
    since        INTEGER NOT NULL,
    until        INTEGER NOT NULL,
    json         BLOB NOT NULL
) STRICT;

CREATE INDEX tariff_state_key ON tariff_state (id_key, source, country_code, party_id, no);
CREATE INDEX tariff_state_object ON tariff_state (object) WHERE until = 0;
CREATE INDEX tariff_state_until ON tariff_state (until) WHERE until > 0;

INSERT INTO tariff_state (object, source, country_code, party_id, id_key, id, since, until, json)
    SELECT o.created, c.source, c.country_code, c.party_id, o.id_key, o.id, o.last_updated, 0, b.json
    FROM object o JOIN collection c ON c.id = o.collection JOIN content b ON b.id = o.created
    WHERE c.module = 'tariffs';

-- What came of checking partners' CDRs, the last time.
CREATE TABLE cdr_check (
    -- The CDR, by its created, and its change that was checked.
    object   INTEGER PRIMARY KEY,
    change   INTEGER NOT NULL,
    source   TEXT NOT NULL,
    verdict  TEXT NOT NULL,
    -- Which rules it was checked by: with others it is checked again.
    rules    TEXT NOT NULL,
    -- When the charge ended and when it was checked, microseconds since 1970, UTC.
    ended    INTEGER NOT NULL,
    checked  INTEGER NOT NULL,
    -- kWh, and what it costs before taxes: as the CDR states it, and as its tariff gives it, or '' where that is not known.
    energy   TEXT NOT NULL,
    currency TEXT NOT NULL,
    stated   TEXT NOT NULL,
    computed TEXT NOT NULL,
    -- How the price comes about and what was found, as JSON.
    report   BLOB NOT NULL
) STRICT;

CREATE INDEX cdr_check_verdict ON cdr_check (verdict, object);
CREATE INDEX cdr_check_ended ON cdr_check (source, ended);

-- +goose StatementBegin
CREATE TRIGGER object_check AFTER DELETE ON object BEGIN
    DELETE FROM cdr_check WHERE object = old.created;
END;
-- +goose StatementEnd
