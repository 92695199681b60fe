"""`mlpack.evaluate`: metrics and pictures of a classifier or a regressor."""
