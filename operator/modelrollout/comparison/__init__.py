"""The comparer: copies of users' requests, replayed to control and candidates, as counters of how they differ."""
