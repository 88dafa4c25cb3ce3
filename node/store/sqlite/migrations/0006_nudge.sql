-- A lane can be told to look at what it holds.

-- +goose Up

-- Grows when somebody else has changed deliveries of the lane.
ALTER TABLE lane ADD COLUMN nudge INTEGER NOT NULL DEFAULT 0;
