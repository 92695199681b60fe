"""Run by the Python to be measured: bytes in site-packages by distribution, as JSON.

Uses the standard library alone, because it runs in environments that hold nothing else of use.
"""

import json
import re
import sys
from importlib.metadata import Distribution, PackageNotFoundError, distribution


def main(root, everywhere):
    sizes, pending = {}, [root]
    while pending:
        name = re.sub(r"[-_.]+", "-", pending.pop()).lower()
        if name in sizes:
            continue
        try:
            found = distribution(name)
        except PackageNotFoundError:
            continue  # hangs on another platform or an extra
        sizes[name] = size(found, everywhere)
        pending += [
            re.split(r"[\s\[<>=!~(;]", line, maxsplit=1)[0]
            for line in found.requires or ()
            if "extra ==" not in line
        ]
    print(json.dumps(sizes))


def size(found: Distribution, everywhere: str) -> int:
    site = found.locate_file("").resolve()
    files = set()
    for entry in found.files or ():
        path = entry.locate().resolve()
        files.add(path)
        if path.suffix == ".py":
            files.update((path.parent / "__pycache__").glob(f"{path.stem}.*.pyc"))
    counted = (path for path in files if everywhere or site in path.parents)
    return sum(path.stat().st_size for path in counted if path.is_file())


if __name__ == "__main__":
    main(*sys.argv[1:])
