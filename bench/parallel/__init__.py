"""Python functions on all cores: raveler and its peers, side by side in one run on the same work."""
