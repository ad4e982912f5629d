"""What every engine must do, one rule a test."""
