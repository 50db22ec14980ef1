"""How long users get bad answers: from the first bad answer at the gateway to the last."""
