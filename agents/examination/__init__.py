"""One task in the hands of its specialist, with or without a model's help."""
