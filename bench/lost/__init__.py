"""How long callers wait in vain: from the first answer that never comes to a route without the version that owes it."""
