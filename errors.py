"""One error tree for the whole product.

Every error that a user can cause carries a stable code (the same words the
ecosystem's REST API uses), the HTTP status it maps to, and a message that says
what to do next. The CLI prints the message as one line; the servers send
``{"error_code", "message"}``.

    MlpackError                    INTERNAL_ERROR           500
    ├── InvalidInput               INVALID_PARAMETER_VALUE  400
    │   ├── InvalidQuery           INVALID_PARAMETER_VALUE  400  a filter or an order; says where
    │   └── SchemaMismatch         BAD_REQUEST              400  data does not fit a signature
    ├── UnsupportedMediaType       BAD_REQUEST              415
    ├── NotAcceptable              BAD_REQUEST              406
    ├── PayloadTooLarge            BAD_REQUEST              413
    ├── NotFound                   RESOURCE_DOES_NOT_EXIST  404
    ├── AlreadyExists              RESOURCE_ALREADY_EXISTS  400
    ├── Conflict                   RESOURCE_CONFLICT        409  somebody else was faster
    ├── Unauthenticated            UNAUTHENTICATED          401  no token, or a wrong one
    ├── Busy                       RESOURCE_EXHAUSTED       429  come back in a moment
    ├── Unavailable                TEMPORARILY_UNAVAILABLE  503  starting or stopping
    ├── InvalidState               INVALID_STATE            400
    │   ├── BadModel                                             a folder that is no usable model
    │   │   ├── ModelChanged                                     a file differs from its checksum
    │   │   ├── ModelUntrusted                                   loading would run unreviewed types
    │   │   └── ModelTooNew                                      written by a later format
    │   └── MissingDependency                                    an extra is not installed
    ├── ModelFailed                INTERNAL_ERROR           500  the user's model raised
    ├── DeadlineExceeded           DEADLINE_EXCEEDED        504  no answer within the time limit
    ├── StorageFailed              INTERNAL_ERROR           500  disk full, folder not writable
    │   └── StorageUnavailable     TEMPORARILY_UNAVAILABLE  503  database locked or gone
    ├── BuildFailed                INTERNAL_ERROR           500  an image could not be built
    ├── DeployFailed               INTERNAL_ERROR           500  a deployment is not healthy
    └── EngineUnavailable          TEMPORARILY_UNAVAILABLE  503  no Docker engine, port in use
"""

from __future__ import annotations

TYPE_CHECKING = False  # `typing` would cost more than all the rest of this file
if TYPE_CHECKING:
    from collections.abc import Sequence


class MlpackError(Exception):
    """Base of every error that mlpack raises on purpose.

    Args:
        message: what is wrong and what to do about it, in one or two sentences.

    Attributes:
        error_code: stable machine-readable code, as in the REST API.
        http_status: the status a server answers with.
    """

    error_code = "INTERNAL_ERROR"
    http_status = 500

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message

    def to_dict(self) -> dict[str, str]:
        """The JSON body that a server sends for this error."""
        return {"error_code": self.error_code, "message": self.message}


class InvalidInput(MlpackError):
    """The caller passed something unusable."""

    error_code = "INVALID_PARAMETER_VALUE"
    http_status = 400


class InvalidQuery(InvalidInput):
    """A filter or an order that does not parse.

    Args:
        message: the whole story, with the text that was read.
        reason: what is wrong alone, for those who see the text.
        start: where in the text the wrong word starts; its end, if that comes too early.
        stop: where it ends.
    """

    def __init__(self, message: str, reason: str, start: int, stop: int) -> None:
        super().__init__(message)
        self.reason, self.start, self.stop = reason, start, stop


class SchemaMismatch(InvalidInput):
    """Data does not fit a model's signature."""

    error_code = "BAD_REQUEST"


class UnsupportedMediaType(MlpackError):
    """A request body in a format that the server does not read."""

    error_code = "BAD_REQUEST"
    http_status = 415


class NotAcceptable(MlpackError):
    """An answer in none of the formats that the client accepts."""

    error_code = "BAD_REQUEST"
    http_status = 406


class PayloadTooLarge(MlpackError):
    """A request body over the configured limit."""

    error_code = "BAD_REQUEST"
    http_status = 413


class NotFound(MlpackError):
    """The named run, experiment, model or file does not exist."""

    error_code = "RESOURCE_DOES_NOT_EXIST"
    http_status = 404


class AlreadyExists(MlpackError):
    """The name is taken."""

    error_code = "RESOURCE_ALREADY_EXISTS"
    http_status = 400


class Conflict(MlpackError):
    """What the caller expected to change was changed by somebody else in the meantime."""

    error_code = "RESOURCE_CONFLICT"
    http_status = 409


class Unauthenticated(MlpackError):
    """The caller did not say who it is, or not truly."""

    error_code = "UNAUTHENTICATED"
    http_status = 401


class Busy(MlpackError):
    """More is waiting than the server takes in; the same request works later."""

    error_code = "RESOURCE_EXHAUSTED"
    http_status = 429


class OutOfMemory(MlpackError):
    """Not enough memory is left for it; something else has to be let go first."""

    error_code = "RESOURCE_EXHAUSTED"
    http_status = 507


class Unavailable(MlpackError):
    """The server does not answer with a model now: it is starting or stopping."""

    error_code = "TEMPORARILY_UNAVAILABLE"
    http_status = 503


class InvalidState(MlpackError):
    """The thing exists but is not in a state that allows this."""

    error_code = "INVALID_STATE"
    http_status = 400


class ModelFailed(MlpackError):
    """The user's own model raised while it predicted; the cause is chained."""


class DeadlineExceeded(MlpackError):
    """A request took longer than the server allows."""

    error_code = "DEADLINE_EXCEEDED"
    http_status = 504


class BadModel(InvalidState):
    """A folder that is not a model, or one that is damaged."""


class ModelChanged(BadModel):
    """A model's file is missing, added, or differs from its recorded checksum."""


class ModelUntrusted(BadModel):
    """Loading would construct types that nobody vouched for."""


class ModelTooNew(BadModel):
    """The model was written by a later version of the format."""


class MissingDependency(InvalidState):
    """A package that this needs is not installed; the message says which."""


class StorageFailed(MlpackError):
    """A file or database could not be written or read."""


class StorageUnavailable(StorageFailed):
    """The database does not answer at the moment; the same call may pass later."""

    error_code = "TEMPORARILY_UNAVAILABLE"
    http_status = 503


class BuildFailed(MlpackError):
    """An image could not be built."""


class RegistryFailed(MlpackError):
    """A container registry refused, or broke off."""


class DeployFailed(MlpackError):
    """A deployment could not be made, or did not become healthy.

    Args:
        reason: why, in one line.
        log: the last lines that the container wrote.
        advice: what to try.
    """

    def __init__(self, reason: str, log: Sequence[str] = (), advice: str = "") -> None:
        self.reason, self.log, self.advice = reason, tuple(log), advice
        ending = f"Its log ends:\n{chr(10).join(self.log)}" if self.log else ""
        super().__init__("\n".join(part for part in (reason, ending, advice) if part))


class EngineUnavailable(MlpackError):
    """Something outside is missing: the Docker engine, a free port."""

    error_code = "TEMPORARILY_UNAVAILABLE"
    http_status = 503


MlflowException = MlpackError  # so that ``except mlflow.exceptions.MlflowException`` still catches
