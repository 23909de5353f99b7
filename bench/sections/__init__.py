"""The four questions; each module measures one and says how its numbers are to be read."""
