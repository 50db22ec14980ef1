"""A real one-node Kubernetes with Istio, Envoy and Prometheus on one Debian machine, without an image registry.

The programs are built from Go modules or come from Debian and Python packages; images are built locally. The node
lives in network and mount namespaces and cgroups of its own, so that the machine around it stays as it was.
`python -m e2e.cluster --help` lists the commands, README.md in this folder says what runs and where.
"""
