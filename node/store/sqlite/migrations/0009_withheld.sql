-- What a version cannot say is withheld from partners of that version, and is for all others.

-- +goose Up

-- The column audience says both from now on: the one party that may list the object, '' for everybody, and then the
-- versions that it is withheld from, as 'NL/ABC#2.1.1'.
--
-- So far there was 2.1.1 alone, and what it cannot say was for nobody: '-/-'. CDRs are for the eMSP of their driver.
UPDATE object SET audience = coalesce((
        SELECT upper(json_extract(CAST(b.json AS TEXT), '$.cdr_token.country_code') || '/' || json_extract(CAST(b.json AS TEXT), '$.cdr_token.party_id'))
        FROM content b JOIN collection c ON c.id = object.collection
        WHERE b.id = object.created AND c.module IN ('cdrs', 'sessions')
            AND json_extract(CAST(b.json AS TEXT), '$.cdr_token.country_code') <> '' AND json_extract(CAST(b.json AS TEXT), '$.cdr_token.party_id') <> ''
    ), '') || '#2.1.1'
    WHERE audience = '-/-';

UPDATE removed SET audience = '#2.1.1' WHERE audience = '-/-';
