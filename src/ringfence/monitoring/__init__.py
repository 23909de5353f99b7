"""What is written down: security events, one line each, without secrets and within a rate."""
