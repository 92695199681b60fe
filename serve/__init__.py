"""A model behind HTTP, and over files: codecs, the scoring app, gunicorn.

Together with `flavors` this is all of ours that goes into a scoring image, so nothing here
imports anything else of the package.
"""
