"""The infrastructure: who connects, and what the database lets the application do."""
