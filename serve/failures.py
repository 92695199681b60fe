"""Whatever goes wrong, as an answer: JSON with ``error_code`` and ``message``, never a trace.

What is not the caller's doing also goes to the log, with its trace.
"""

from __future__ import annotations

import json
import logging

from ..errors import Busy, DeadlineExceeded, MlpackError, Unauthenticated, Unavailable
from .exchange import Answer

log = logging.getLogger("mlpack.serve")

_LONGEST_MESSAGE = 2000
_RETRY_SECONDS = "1"


def answer_to(error: Exception, path: str = "") -> Answer:
    """The answer to a request that failed.

    Args:
        error: ours as it is; of any other kind the client learns only that it happened.
        path: of the request, as protocols differ in what an error looks like.
    """
    if not isinstance(error, MlpackError):
        log.error("Internal error", exc_info=error)
        error = MlpackError("Internal error; the server's log has the details.")
    elif error.http_status >= 500 and not isinstance(error, Unavailable | DeadlineExceeded):
        log.error("%s", error.message, exc_info=error.__cause__ or error)
    content = error.to_dict()
    if len(content["message"]) > _LONGEST_MESSAGE:  # it quotes the request: no amplifier
        content["message"] = content["message"][:_LONGEST_MESSAGE] + "…"
    answer = as_json(error_body(content, path), error.http_status)
    if isinstance(error, Busy | Unavailable):
        answer.headers.append(("Retry-After", _RETRY_SECONDS))
    elif isinstance(error, Unauthenticated):
        answer.headers.append(("WWW-Authenticate", "Bearer"))
    return answer


def error_body(content: dict[str, str], path: str) -> dict[str, str]:
    """The body of an error; clients of the Open Inference Protocol look for ``error``."""
    return {"error": content["message"], **content} if path.startswith("/v2") else content


def as_json(content: object, status: int = 200) -> Answer:
    """Plain values as a JSON answer."""
    return Answer(json.dumps(content).encode("ascii"), status=status)
