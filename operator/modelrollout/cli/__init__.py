"""The command line: ``modelrollout`` and ``kubectl modelrollout``."""
