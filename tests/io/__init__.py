"""API calls, transfers, databases and files, each rule stated against a real server."""
