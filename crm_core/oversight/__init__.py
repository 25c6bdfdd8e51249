"""What supervisors did that agents must be able to trust: who joined whose call."""
