"""How the security auditor judges what its tools found; every piece of evidence is masked."""
