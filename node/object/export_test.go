package object

// Rendition is rendition, for tests.
var Rendition = rendition
