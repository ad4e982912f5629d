"""Measurements of flows: the main job beside the same work written by hand, and what an item costs."""
