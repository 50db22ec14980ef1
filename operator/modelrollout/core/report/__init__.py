"""What people and other programs read: phase, sentences, columns, conditions."""
