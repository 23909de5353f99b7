"""Who is asking: accounts, passwords, tokens, sessions, recovery and the limits on guessing."""
