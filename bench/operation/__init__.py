"""What the operator costs: its start, its memory, its image, and what it writes."""
