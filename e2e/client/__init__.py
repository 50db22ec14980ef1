"""An open-loop load client: requests leave at fixed times, whatever becomes of the ones before.

`LoadClient` sends, `Answer` is what became of one request, and summary.py counts. `python -m e2e.client
--help`.
"""

from e2e.client.answer import Answer
from e2e.client.load import BackgroundClient, LoadClient, Target

__all__ = ["Answer", "BackgroundClient", "LoadClient", "Target"]
