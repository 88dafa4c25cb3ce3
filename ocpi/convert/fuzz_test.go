package convert

import (
	"os"
	"path/filepath"
	"testing"
)

// addSeeds starts a fuzzer with the documents of testdata/seeds: objects of each version with everything that it can say,
// and what partners make of them.
func addSeeds(f *testing.F) {
	f.Helper()
	paths, err := filepath.Glob("testdata/seeds/*/*.json")
	if err != nil || len(paths) == 0 {
		f.Fatalf("there are no seeds: %v", err)
	}
	for _, path := range paths {
		raw, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(raw)
	}
}

// What is read in 2.1.1 goes back as it was.
func FuzzFrom211AndBack(f *testing.F) {
	fuzz(f, pairs(), func(p pair) func(failer, []byte) { return p.identityOf })
}

// What is read in 2.2.1 goes back as it was.
func FuzzFrom221AndBack(f *testing.F) {
	fuzz(f, pairs221(), func(p pair) func(failer, []byte) { return p.identityOf })
}

// What 2.1.1 cannot say of the model is said to be lost.
func FuzzTo211(f *testing.F) {
	fuzz(f, pairs(), func(p pair) func(failer, []byte) { return p.coveredOf })
}

// What 2.2.1 cannot say of the model is said to be lost.
func FuzzTo221(f *testing.F) {
	fuzz(f, pairs221(), func(p pair) func(failer, []byte) { return p.coveredOf })
}

// What is read in 2.1.1 and has gone through 2.2.1 is what it was.
func FuzzFrom211Through221AndBack(f *testing.F) {
	fuzz(f, pairsThrough221(), func(p pair) func(failer, []byte) { return p.identityOf })
}

// What is read in 2.1.1 and cannot be said in 2.2.1 is said to be lost.
func FuzzFrom211To221(f *testing.F) {
	fuzz(f, pairsThrough221(), func(p pair) func(failer, []byte) { return p.coveredOf })
}

func fuzz(f *testing.F, pairs []pair, check func(pair) func(failer, []byte)) {
	f.Helper()
	addSeeds(f)
	f.Fuzz(func(t *testing.T, document []byte) {
		for _, p := range pairs {
			check(p)(t, document)
		}
	})
}
