"""URLs that a client sends: where the application may fetch from, and where it may redirect."""
