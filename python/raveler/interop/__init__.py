"""Faces of raveler for code that was written for something else."""
