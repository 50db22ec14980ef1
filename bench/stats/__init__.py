"""How right and how quick the verdicts are: the product's own tests on simulated traffic, beside the rules of others.

``python -m bench.stats`` runs the suites and writes one JSON file; ``python -m bench.check`` compares it with
``bench/goals.toml``; ``python -m bench.stats.report`` makes the pages and pictures of it.
"""
