"""`python -m e2e.models`: see build.py."""

from e2e.models.build import main

main()
