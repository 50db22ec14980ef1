"""What the shadow costs: users' latency with and without copies, in pairs, and what the comparer needs."""
