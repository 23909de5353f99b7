"""What the parsers of this layer raise; the caller knows which code that is."""


class MalformedError(ValueError):
    """A text that is not well-formed, or could be read in two ways. Its own text is the reason."""
