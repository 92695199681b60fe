"""Say in one line what is missing before the tests that need a Docker engine start."""

import sys

import docker

BASE = "python:3.11-slim"
try:
    client = docker.from_env()
    client.ping()
except docker.errors.DockerException:
    sys.exit(
        "make test needs a Docker engine (the container tests are real). Start one, or run "
        "`make test-fast` for the tests that need none."
    )
if not client.images.list(BASE):
    try:
        client.images.pull("python", "3.11-slim")
    except docker.errors.APIError:
        sys.exit(
            f"The base image {BASE} is missing and cannot be pulled. "
            "`sh .ci/base-image` makes one from Debian's packages (as root)."
        )
