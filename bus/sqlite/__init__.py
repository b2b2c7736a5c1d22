"""The file behind the embedded bus; the only package that imports sqlite3."""
