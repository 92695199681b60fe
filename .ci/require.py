"""Say in one line what is missing before the tests that need more than Python start."""

import shutil
import sys
from pathlib import Path

import docker

BASE = "python:3.11-slim"
FAST = "`make test-fast` runs the tests that need none of this."

try:
    client = docker.from_env()
    client.ping()
except docker.errors.DockerException:
    sys.exit(f"make test needs a Docker engine (the container tests are real). Start one; {FAST}")
if not client.images.list(BASE):
    try:
        client.images.pull("python", "3.11-slim")
    except docker.errors.APIError:
        sys.exit(
            f"The base image {BASE} is missing and cannot be pulled. "
            "`sh .ci/base-image` makes one from Debian's packages (as root)."
        )

missing = []
if not shutil.which("initdb") and not list(Path("/usr/lib/postgresql").glob("*/bin/initdb")):
    missing.append("postgresql")
if not shutil.which("mariadbd") and not Path("/usr/sbin/mariadbd").exists():
    missing.append("mariadb-server")
if not shutil.which("npm"):
    missing.append("npm")
if not shutil.which("chromium"):
    missing.append("chromium")
if not shutil.which("openssl"):
    missing.append("openssl")
for program, package in {
    "docker-registry": "docker-registry",
    "skopeo": "skopeo",
    "umoci": "umoci",
    "docker-compose": "docker-compose",
    "htpasswd": "apache2-utils",
}.items():
    if not shutil.which(program):
        missing.append(package)
if missing:
    sys.exit(
        "make test starts databases, object stores, registries and a browser, and "
        "misses some programs. "
        f"Debian: apt-get install --no-install-recommends {' '.join(missing)}; {FAST}"
    )
