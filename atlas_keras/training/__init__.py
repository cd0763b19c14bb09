"""Training: optimizer, one-cycle schedule, learning-rate finder, exact resume, the run folder."""
