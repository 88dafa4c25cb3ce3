package main

import (
	"fmt"
	"runtime/debug"

	"github.com/roamwire/roamwire/ocpi"
)

type versionCmd struct{}

// Run prints the version the program was built from, and those of OCPI it speaks.
func (versionCmd) Run(s streams) error {
	_, err := fmt.Fprintf(s.out, "roamwire %s\nspeaks OCPI %s\n", built(), versionList(ocpi.Versions()))
	return err
}

// built is what the program was built from.
func built() string {
	built := "unknown"
	if info, ok := debug.ReadBuildInfo(); ok {
		built = info.Main.Version
		for _, setting := range info.Settings {
			if setting.Key == "vcs.revision" {
				built += " " + setting.Value
			}
		}
		built += ", " + info.GoVersion
	}
	return built
}
