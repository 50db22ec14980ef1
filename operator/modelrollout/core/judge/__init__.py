"""From new samples to verdicts, for each arm: its evidence, kept in the status and carried on from it."""
