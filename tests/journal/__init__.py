"""The journal: what it records, what it refuses, and what is left of it after a death at any moment."""
