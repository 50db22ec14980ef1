"""The reward gateway, by real HTTP."""
