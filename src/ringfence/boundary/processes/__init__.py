"""The command runner, and the denial of every other process."""
