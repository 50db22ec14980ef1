"""The colours of all pictures of a release, so that a version looks the same in each of them."""

STABLE = "#4477aa"
ARMS = ("#ccbb44", "#228833", "#66ccee", "#aa3377", "#ee7733", "#999999", "#ee6677")
"""A lone candidate has the first."""

AGAINST = "#cc3311"
"""What failed, and the evidence against a version."""

BOUND = "#555555"
HAPPENED = "#bbaa99"
"""What befell all versions alike, from outside."""

WAITED = "#99aabb"
"""That the release waited."""
