"""Metrics of model versions as counts: providers as data, one file each, and one reader for all of them."""
