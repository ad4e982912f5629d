"""What type checkers must say about user code."""
