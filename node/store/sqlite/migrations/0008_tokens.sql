-- Who may charge: the tokens that partners have sent, by uid.

-- +goose Up

-- A charger says the uid of a card and not whose it is, and readers differ in the case of its letters.
CREATE INDEX object_token ON object (lower(id)) WHERE token_type <> '';
