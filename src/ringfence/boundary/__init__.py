"""The boundary layer: what of a request may come in, and what handlers may reach out for."""
