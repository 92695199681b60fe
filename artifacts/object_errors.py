"""What goes wrong in object stores, in our words: the services' own hold addresses and tokens."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

from ..errors import InvalidInput, MlpackError, NotFound, StorageFailed, StorageUnavailable
from .object_places import Place, credentials_hint

# what is not there cannot be the file, when one is made
_NO_BUCKET = re.compile(
    r"NoSuchBucket|ContainerNotFound|performing (PUT|POST).*code: 404", re.DOTALL
)
_DENIED = re.compile(r"AccessDenied|status code: 40[13]")
_NO_CREDENTIALS = re.compile(
    r"token request|/latest/api/token|/latest/meta-data|metadata/identity|computeMetadata"
)
_OTHER_REGION = re.compile(r"redirect|PermanentRedirect|AuthorizationHeaderMalformed|wrong region")
_STATUS = re.compile(r"status code: (\d{3})")
_CODE = re.compile(r"<Code>(\w+)</Code>|code: ([A-Za-z]\w+)")
_NO_ANSWER = re.compile(r"HTTP error|error sending|timed? ?out|connection|decoding response")


@contextmanager
def in_our_words(place: Place, path: str) -> Iterator[None]:
    """Turn errors of the object-store library into ours.

    Args:
        place: for the message.
        path: of the file or folder that it is about.

    Raises:
        NotFound: the bucket or file does not exist.
        StorageUnavailable: the service does not answer, now or at all.
        StorageFailed: it refuses.
    """
    try:
        yield
    except ValueError as error:
        if "parse path" not in str(error):
            raise
        raise InvalidInput(
            f"The path {path!r} is not allowed in {place.service}: it has empty parts or control "
            "characters."
        ) from None
    except Exception as error:
        missing = isinstance(error, FileNotFoundError) and error.errno is None
        if missing or type(error).__module__.startswith("obstore"):
            raise _meaning(place, path, error) from None
        raise  # of this machine, or ours already


def _meaning(place: Place, path: str, error: Exception) -> MlpackError:
    text = str(error).partition("Debug source")[0]
    status = int(found[1]) if (found := _STATUS.search(text)) else None
    code = f" ({found[1] or found[2]})" if (found := _CODE.search(text)) else ""
    bucket = f"{'container' if place.kind == 'az' else 'bucket'} {place.bucket!r}"
    if _NO_BUCKET.search(text):
        return NotFound(f"The {bucket} does not exist in {place.service}: {place.name} names it.")
    if isinstance(error, FileNotFoundError):
        return NotFound(f"There is no file {path!r} below {place.name}.")
    if _NO_CREDENTIALS.search(text):
        return StorageFailed(
            f"No credentials for {place.service} were found. Set {credentials_hint(place)}."
        )
    if _DENIED.search(text):
        return StorageFailed(
            f"{place.service} denies access to {place.name}{code}. Check "
            f"{credentials_hint(place)}, and what they may do."
        )
    if _OTHER_REGION.search(text) and status in (None, 301, 307, 400):
        return StorageFailed(f"The {bucket} is in another region: set AWS_REGION to it.")
    if (status or 0) >= 500 or status == 429:
        return StorageUnavailable(
            f"{place.service} cannot serve {place.name} now (status {status}{code}). Try again."
        )
    if status is None and _NO_ANSWER.search(text):
        return StorageUnavailable(
            f"{place.service} does not answer for {place.name}. Check the network and, if it is "
            "not the public service, the endpoint in the environment."
        )
    what = f"status {status}{code}" if status else type(error).__name__
    return StorageFailed(f"{place.service} refuses {path or 'this'!r} in {place.name}: {what}.")
