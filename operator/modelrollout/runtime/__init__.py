"""What ties the layers together in a process: watches, the work queue, one pass, its application."""
