"""Passwords that another program has hashed: read, verified once, and then stored as ours."""
