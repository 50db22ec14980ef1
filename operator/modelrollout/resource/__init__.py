"""The whole ModelRollout: spec and status put together and read from JSON, and the CRD that is made of them."""
