"""A release without a cluster: the files it is given, and what comes of them."""
