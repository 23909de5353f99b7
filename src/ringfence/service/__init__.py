"""The HTTP API of authn, and its hosted pages."""
