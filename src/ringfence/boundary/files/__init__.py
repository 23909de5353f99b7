"""File roots, uploads and images: what comes from a client and goes to a disk."""
