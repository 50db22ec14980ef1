"""How many rewards a second the gateway takes on one core, and how fast it answers."""
