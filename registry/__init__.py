"""From an address of a model to a folder, and from a model to a recorded folder."""
