"""The parts of the ModelRollout resource as types: the only place that knows their JSON form (camelCase, durations as
strings). The whole of it is in ``resource``."""
