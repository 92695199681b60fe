"""What to type, by the registry that refuses."""

from __future__ import annotations

import io
import json

import pytest
from urllib3 import HTTPResponse

from mlpack.builders.remote.reference import Reference
from mlpack.builders.remote.refusals import login_command, refusal
from mlpack.errors import NotFound

ECR = "123456789012.dkr.ecr.eu-central-1.amazonaws.com"


@pytest.mark.parametrize(
    ("registry", "command"),
    [
        ("docker.io", "docker login"),
        ("ghcr.io", "docker login ghcr.io"),
        (
            ECR,
            "aws ecr get-login-password --region eu-central-1 | docker login --username AWS "
            f"--password-stdin {ECR}",
        ),
        ("team.azurecr.io", "az acr login --name team"),
        ("europe-docker.pkg.dev", "gcloud auth configure-docker europe-docker.pkg.dev"),
        ("eu.gcr.io", "gcloud auth configure-docker eu.gcr.io"),
        ("evilgcr.io", "docker login evilgcr.io"),
        (f"{ECR}.evil.example", f"docker login {ECR}.evil.example"),
    ],
)
def test_how_to_log_in(registry: str, command: str) -> None:
    assert login_command(registry) == command


def test_ecr_wants_repositories_to_be_made_first() -> None:
    body = json.dumps({"errors": [{"code": "NAME_UNKNOWN", "message": "does not exist"}]}).encode()
    answer = HTTPResponse(io.BytesIO(body), status=404, preload_content=False)
    error = refusal(Reference.parse(f"{ECR}/team/churn:1"), "push", answer)
    assert isinstance(error, NotFound)
    assert (
        "aws ecr create-repository --region eu-central-1 --repository-name team/churn"
        in error.message
    )
