"""How soon an unfit version is out: from its server's last words, or from its being ready, to its quarantine."""
