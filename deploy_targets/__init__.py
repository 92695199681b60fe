"""An image or a model becomes something that answers requests."""
