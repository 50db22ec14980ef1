"""The checks before any traffic, each by itself."""
