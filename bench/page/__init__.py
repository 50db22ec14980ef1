"""How large the operator's page of metrics is, how long it takes, and what a client library would take for it."""
