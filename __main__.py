"""``python -m mlpack`` is the ``mlpack`` command."""

from .cli.main import main

main()
