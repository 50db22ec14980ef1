"""Desired Kubernetes objects as plain dicts, from values. Pure."""
