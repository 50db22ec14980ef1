"""The reward gateway: outcomes that applications send, as counters by which versions are judged."""
