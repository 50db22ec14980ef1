"""A release without a cluster: the product's own decide and evidence, with a made-up clock, Prometheus and cluster.

Nothing in here judges. What the operator reads from Prometheus and Kubernetes is made up (or replayed from recorded
counters), ``core.decide`` gets it as an Observation, and its Plan moves the made-up traffic.
"""
