"""What leaves: sanitised text, checked headers and cookies, errors without internal details."""
