"""Where results are kept: implementations of `bus.ledger`."""
