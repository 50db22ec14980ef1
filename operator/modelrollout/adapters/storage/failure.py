"""Why a model could not be fetched."""


class FetchError(Exception):
    """One clear sentence: what was to be fetched, what is wrong with it, and the way out where there is one."""
