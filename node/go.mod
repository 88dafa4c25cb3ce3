module github.com/roamwire/roamwire/node

go 1.26

require github.com/roamwire/roamwire/ocpi v0.0.0

replace github.com/roamwire/roamwire/ocpi => ../ocpi
