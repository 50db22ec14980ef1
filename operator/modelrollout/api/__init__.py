"""The ModelRollout resource as types: the only place that knows its JSON form (camelCase, durations as strings)."""
