"""Signatures over statements, and the encryption of records."""
