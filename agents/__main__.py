"""`python -m agents` is `convener`."""

from agents.cli.main import run

if __name__ == "__main__":
    run()
