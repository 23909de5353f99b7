"""The application's own SQLAlchemy database: its declarations, its sessions, its resources."""
