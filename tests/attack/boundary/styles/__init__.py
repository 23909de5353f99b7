"""An application in many hands: SQL as people write it, about a hundred ways of it."""
