"""Before any traffic: what a version must show, whatever the strategy, and the gate that stands until it has."""
