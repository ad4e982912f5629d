"""Runs of some minutes that look for what only shows after many repetitions."""
