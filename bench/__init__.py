"""Measurements of raveler beside its peers, a folder for each field."""
