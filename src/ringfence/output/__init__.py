"""What leaves: sanitised text, headers and cookies that are policed, errors without insides."""
