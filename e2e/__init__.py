"""Everything that runs against a real cluster: the cluster itself, the models, the demo and the stories."""
