"""Systems that are broken on purpose: the harness must find each of them out.

Each module patches the worker process that loads it as its `--app`, and gives it the same panel.
"""
