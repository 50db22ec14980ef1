"""Fetching a model: from a mounted folder or over https into the place that the server reads.

Runs in the init container of every version's pods, so it is the standard library alone and starts quickly.
"""
