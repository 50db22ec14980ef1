"""The strategy's next route, as far as the guards let it."""
