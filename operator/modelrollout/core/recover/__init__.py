"""A status that was lost is made anew from what the cluster shows."""
