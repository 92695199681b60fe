"""The store over a SQL database."""
