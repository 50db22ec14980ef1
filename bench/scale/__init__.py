"""Hundreds and thousands of rollouts: a real API server, etcd and Prometheus, with made-up pods and counters.

What is measured is the operator's process, the chart's settings in its environment: how long a fault keeps its traffic,
which scrapes are used, and what that costs in CPU, memory, requests and queries. ``bench/scale/world.py`` stands for
controllers, kubelets and gateways, ``bench/scale/counters.py`` for the gateway's page of statistics; both are processes
of their own.
"""
