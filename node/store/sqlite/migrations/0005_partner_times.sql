-- The partner's own times of the parts of an object, where they are not those that the object shows.

-- +goose Up

-- JSON, by the path of the part; empty for none.
ALTER TABLE object ADD COLUMN times BLOB NOT NULL DEFAULT x'';

-- Of these objects it is only known that the partner has given none: nothing it says next is older.
UPDATE object SET times = CAST('{"":"0001-01-01T00:00:00Z"}' AS BLOB) WHERE stamped = 1;

ALTER TABLE object DROP COLUMN stamped;
