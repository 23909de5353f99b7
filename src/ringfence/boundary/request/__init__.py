"""What a request may be: its head, its target and its body, before a handler sees it."""
