"""What the benchmarks measure with: their arithmetic, the rules of others, and the comparison with the goals."""
