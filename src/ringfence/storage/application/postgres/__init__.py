"""The application's PostgreSQL as a second line: it lets a caller at his own rows only."""
