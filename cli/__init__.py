"""The command line: one file per command group. Each parses, calls one function below, prints."""
