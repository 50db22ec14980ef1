"""Must traffic leave an arm? Asked in every pass and every phase, before anything that could fail."""
