"""What was seen of pods and digests goes into the status."""
