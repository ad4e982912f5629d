"""Requests, transfers and databases: raveler and its peers, side by side in one run on the same servers."""
