"""Wait until a model answers on /ping, then POST a file to its /invocations (what curl would do).

python examples/ask.py http://127.0.0.1:5000 rows.json
"""

import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

address, file = sys.argv[1:]
for _ in range(300):
    try:
        urllib.request.urlopen(f"{address}/ping", timeout=2)
        break
    except OSError:
        time.sleep(0.1)
else:
    sys.exit(f"{address}/ping did not answer within 30 s")

request = urllib.request.Request(
    f"{address}/invocations",
    data=Path(file).read_bytes(),
    headers={"Content-Type": "application/json"},
)
print(f"$ curl {address}/invocations -H 'Content-Type: application/json' -d @{file}")
try:
    with urllib.request.urlopen(request, timeout=30) as response:
        print(response.read().decode())
except urllib.error.HTTPError as error:
    sys.exit(f"{error.code}: {error.read().decode()}")
