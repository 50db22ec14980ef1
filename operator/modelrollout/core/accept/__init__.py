"""Which spec to go by, and what a pass has to find out."""
