"""What all stories share: the cluster with the operator in it, one rollout under a watch, and its clients.

A story reads as what a person does and what the world then looks like. How that is found out is here.
"""
