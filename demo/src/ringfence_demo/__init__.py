"""The demo shop: a small FastAPI application as a hurried user would write it, and its guard.

**Careless on purpose, never to be deployed.** ``app`` joins SQL from strings, checks nobody's
ownership and copies every field of a body onto a row. ``guarded`` puts Ringfence in front of it.
"""
