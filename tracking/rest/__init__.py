"""The store behind a tracking server, and how its values travel as JSON."""
