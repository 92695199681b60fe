"""Datasets as runs record them: name, digest, source, schema, profile."""
