#!/bin/sh
# The whole way, in the commands that a person would type: train, log, serve, build, run, curl.
# `make demo` runs it inside the virtual environment it made.
set -eu
cd "$(dirname "$0")/.."

say() { printf '\n\033[1m== %s\033[0m\n' "$*"; }
run() { printf '\033[2m$ %s\033[0m\n' "$*"; "$@"; }

say "1. Train a classifier and log it"
mkdir -p .cache
run python examples/quickstart.py >.cache/quickstart.txt
cat .cache/quickstart.txt
uri=$(sed -n 's/^ *mlpack serve -m //p' .cache/quickstart.txt)
run_id=$(sed -n "s/^ *mlpack runs show //p" .cache/quickstart.txt)

say "2. What the run recorded"
run mlpack runs show "$run_id"

say "3. Score a file, without a server"
run mlpack models example "$uri" -o .cache/example.json
run mlpack predict -m "$uri" -i .cache/example.json

say "4. Serve it with gunicorn, and ask it over HTTP"
port=$(python -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
printf '\033[2m$ mlpack serve -m %s -p %s &\033[0m\n' "$uri" "$port"
mlpack serve -m "$uri" -p "$port" &
server=$!
trap 'kill $server 2>/dev/null || true' EXIT
trap 'exit 130' INT TERM
python examples/ask.py "http://127.0.0.1:$port" .cache/example.json
kill -TERM $server && wait $server || true
trap - EXIT INT TERM

if ! python -c 'import docker; docker.from_env().ping()' 2>/dev/null; then
  say "No Docker engine here: that is all. With one, the demo goes on to build an image and run it."
  exit 0
fi

say "5. Turn it into an image"
run mlpack build-docker -m "$uri" -n mlpack-quickstart

say "6. Run it as a container, and ask it over HTTP"
run mlpack deploy -m "$uri" --target local -n mlpack-quickstart --image mlpack-quickstart
run mlpack deployments predict --target local -n mlpack-quickstart -i .cache/example.json
run mlpack deployments list --target local
address=$(mlpack deployments get --target local -n mlpack-quickstart --json | python -c 'import json, sys; print(json.load(sys.stdin)["endpoint"])')
run python examples/ask.py "$address" .cache/example.json
run mlpack deployments delete --target local -n mlpack-quickstart

say "Done. The runs are in ./mlruns, the image is mlpack-quickstart."
