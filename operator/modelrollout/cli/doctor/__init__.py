"""``modelrollout doctor``: what a cluster has of all that releases need, what is missing, and how to mend it."""
