"""What tests stand on: hand-written doubles, private servers, buses of each kind."""
