"""What is done to log events before they are written."""
