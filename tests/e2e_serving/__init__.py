"""The stand-in for TensorFlow Serving, the test models and the load client, each tested while it really runs."""
