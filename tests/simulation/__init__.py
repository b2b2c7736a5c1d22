"""The bus and the agents in a world made of chance: virtual time, faulty wires, dying processes.

One seed is one run, always the same. `python -m tests.simulation --seed N --trace` shows it.
"""
