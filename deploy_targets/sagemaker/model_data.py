"""The model as ``model.tar.gz`` in S3, for images that many versions share."""

from __future__ import annotations

import gzip
import io
import tarfile
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

from botocore.exceptions import ClientError

from ...builders.base import Progress, Report
from ...errors import InvalidInput
from .aws import Aws, code, is_denied, is_missing


def url(prefix: str, name: str, digest: str) -> str:
    """Where a model's data go: its digest is part of the address, so nothing is overwritten."""
    return f"{folder(prefix, name)}{digest.rpartition(':')[2][:32]}/model.tar.gz"


def folder(prefix: str, name: str) -> str:
    """What belongs to one deployment, and is removed with it."""
    return f"{prefix.rstrip('/')}/{name}/"


def split(address: str) -> tuple[str, str]:
    """Bucket and key of an ``s3://`` address."""
    bucket, _, key = address.removeprefix("s3://").partition("/")
    return bucket, key


def check_bucket(aws: Aws, address: str, option: str, report: Report) -> None:
    """Raises `InvalidInput` unless the bucket of an address exists in the right region."""
    bucket, _ = split(address)
    try:
        headers = aws.client("s3").head_bucket(Bucket=bucket)["ResponseMetadata"]["HTTPHeaders"]
    except ClientError as error:
        if is_missing(error):
            raise InvalidInput(
                f"There is no bucket {bucket!r} (option {option!r}). Make it first: "
                f"aws s3 mb s3://{bucket} --region {aws.region}"
            ) from None
        if is_denied(error) or code(error) == "403":
            told = f"The bucket {bucket!r} (option {option!r}) is not for these credentials"
            if option == "model_data":
                raise InvalidInput(f"{told}; the model is uploaded with them.") from None
            report(Progress("notice", f"{told}, so it was not checked; the role has to reach it."))
            return
        raise
    region = headers.get("x-amz-bucket-region", aws.region)
    if region != aws.region:
        raise InvalidInput(
            f"The bucket {bucket!r} (option {option!r}) is in {region}, the endpoint would be in "
            f"{aws.region}. SageMaker wants them in the same region."
        )


def ensure(
    aws: Aws,
    model: Path,
    address: str,
    kms_key: str | None,
    report: Report,
    metadata: Mapping[str, str] | None = None,
) -> None:
    """Upload a model unless it is there."""
    client = aws.client("s3")
    bucket, key = split(address)
    try:
        client.head_object(Bucket=bucket, Key=key)
        report(Progress("cached", f"The model is in {address} already"))
        return
    except ClientError as error:
        if not is_missing(error):
            raise
    report(Progress("part", f"Uploading the model to {address}"))
    extra: dict[str, Any] = {}
    if kms_key:
        extra |= {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": kms_key}
    if metadata:
        extra["Metadata"] = dict(metadata)
    with tempfile.TemporaryFile() as file:
        write_tar(model, file)
        total, sent = file.tell(), 0
        file.seek(0)

        def advanced(count: int) -> None:
            nonlocal sent
            sent += count
            report(Progress("bytes", "Uploading the model", "model", sent, total))

        client.upload_fileobj(file, bucket, key, ExtraArgs=extra, Callback=advanced)


def write_tar(model: Path, file: IO[bytes]) -> None:
    """The folder's files at the top, the same bytes for the same files."""
    with (
        gzip.GzipFile(fileobj=file, mode="wb", filename="", mtime=0, compresslevel=6) as packed,
        tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as tar,
    ):
        for path in sorted(model.rglob("*")):
            if not path.is_file():
                continue
            info = tarfile.TarInfo(path.relative_to(model).as_posix())
            info.size, info.mode = path.stat().st_size, 0o644
            with path.open("rb") as content:
                tar.addfile(info, content)


def remove(aws: Aws, urls: list[str], report: Report) -> None:
    """Remove model data that mlpack uploaded."""
    for address in sorted(set(urls)):
        bucket, key = split(address)
        report(Progress("part", f"Removing {address}"))
        aws.client("s3").delete_object(Bucket=bucket, Key=key)


def read(aws: Aws, address: str) -> bytes | None:
    """An object's content, None if there is none (yet)."""
    bucket, key = split(address)
    try:
        body: Any = aws.client("s3").get_object(Bucket=bucket, Key=key)["Body"]
    except ClientError as error:
        if is_missing(error):
            return None
        raise
    return bytes(body.read())


def write(aws: Aws, address: str, body: bytes, content_type: str) -> None:
    """Put an object."""
    bucket, key = split(address)
    aws.client("s3").upload_fileobj(
        io.BytesIO(body), bucket, key, ExtraArgs={"ContentType": content_type}
    )
