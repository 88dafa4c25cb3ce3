-- The feed is read by the first change that a reader has not seen, not by the latest: a page may end between two changes
-- of one object.

-- +goose Up

ALTER TABLE part ADD COLUMN collection INTEGER NOT NULL DEFAULT 0;

UPDATE part SET collection = (SELECT collection FROM object WHERE created = part.object);

CREATE INDEX object_whole ON object (collection, whole);
CREATE INDEX part_change ON part (collection, change);
CREATE INDEX part_status ON part (collection, status);
