"""Flows: what they show while they run, where they begin again and where their results go."""
