"""A model folder becomes a container image."""
