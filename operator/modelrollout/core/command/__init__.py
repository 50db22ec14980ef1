"""What a person asked for, carried out once."""
