"""ModelRollout: progressive delivery of machine-learning models on Kubernetes.

Layers, from the bottom: ``api`` (the resource as types), ``core`` (pure decisions), ``manifests`` (pure Kubernetes
objects), ``adapters`` (one external system each), ``runtime`` (what ties it together) and ``cli``.
"""
