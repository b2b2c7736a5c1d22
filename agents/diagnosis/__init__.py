"""What `convener doctor` looks at: this machine, its settings, and the bus that they name."""
