"""One external system each, asynchronous, with no decisions in it."""
