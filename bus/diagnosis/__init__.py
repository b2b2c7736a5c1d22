"""What is looked at to find out whether a bus and its servers are set up as they should be."""
