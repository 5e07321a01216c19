"""What is refused of records and names.

VideoAnalysisNotFound   404
VideoAnalysisExists     409
VersionsExist           409, the change log knows versions of the video already
IdTaken                 409, another record has this id
HumanValue              409, a machine would replace what a person has said
CountChanged            409, there are not as many records to delete as was confirmed
QuotaExceeded           403, the owner has as much as he may
NameNotFound            404, a tag or a person
NameExists              409
KeyReused               422, an Idempotency-Key of another request
StillRunning            409, a request with this Idempotency-Key
VersionNotFound         404
VersionMismatch         412, the record is not as the caller has read it
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from backend.core.errors import RETRY_SOON, ServiceError


class VideoAnalysisNotFound(ServiceError):
    status = 404
    kind = "video-analysis-not-found"
    title = "Video analysis not found"

    def __init__(self, video_id: str) -> None:
        super().__init__(f"Video analysis not found for video_id: {video_id}")


class VideoAnalysisExists(ServiceError):
    status = 409
    kind = "video-analysis-exists"
    title = "Video analysis exists"

    def __init__(self, video_id: str) -> None:
        super().__init__(f"Video analysis already exists for video_id: {video_id}")


class VersionsExist(ServiceError):
    status = 409
    kind = "versions-exist"
    title = "Versions exist"

    def __init__(self, video_id: str) -> None:
        super().__init__(
            f"There have been versions of {video_id} here: its history cannot become another's"
        )


class IdTaken(ServiceError):
    status = 409
    kind = "id-taken"
    title = "Id taken"

    def __init__(self, id_: str) -> None:
        super().__init__(f"Another record has the id {id_}")


class HumanValue(ServiceError):
    status = 409
    kind = "human-value"
    title = "Human value"

    def __init__(self, video_id: str, human: Mapping[str, Any]) -> None:
        fields = " and ".join(human)
        super().__init__(
            f"A person has given {fields} of {video_id}. A machine replaces it only with "
            "override=human"
        )
        self.more = {"human": dict(human)}


class CountChanged(ServiceError):
    status = 409
    kind = "count-changed"
    title = "Count changed"

    def __init__(self, count: int) -> None:
        super().__init__(f"There are {count} of them now. Nothing was deleted")
        self.more = {"count": count}


class VersionNotFound(ServiceError):
    status = 404
    kind = "version-not-found"
    title = "Version not found"

    def __init__(self, video_id: str, version: int) -> None:
        super().__init__(f"No version {version} is kept of video_id: {video_id}")


class VersionMismatch(ServiceError):
    """`version`: the record's own; None: there is none."""

    status = 412
    kind = "version-mismatch"
    title = "Version mismatch"

    def __init__(self, video_id: str, version: int | None) -> None:
        now = f"is at version {version}" if version is not None else "is not there"
        super().__init__(f"The record of {video_id} {now}. Nothing was changed")
        self.version = version
        if version is not None:
            self.more = {"version": version}
            self.headers = {"ETag": f'"{version}"'}


class KeyReused(ServiceError):
    status = 422
    kind = "idempotency-key-reused"
    title = "Idempotency-Key reused"

    def __init__(self) -> None:
        super().__init__(
            "This Idempotency-Key belongs to another request: another method, path or body."
        )


class StillRunning(ServiceError):
    status = 409
    kind = "request-still-running"
    title = "Request still running"
    headers: Mapping[str, str] = RETRY_SOON

    def __init__(self) -> None:
        super().__init__("A request with this Idempotency-Key is still running. Ask again shortly.")


class QuotaExceeded(ServiceError):
    """`usage`: of records and bytes, where there is a quota, how many are used and allowed."""

    status = 403
    kind = "quota-exceeded"
    title = "Quota exceeded"

    def __init__(self, usage: Mapping[str, Mapping[str, int]]) -> None:
        used = " and ".join(
            f"{each['used']} of {each['allowed']} {name}" for name, each in usage.items()
        )
        super().__init__(
            f"There is no room for this: {used or 'all'} are used. Nothing was changed"
        )
        self.more = {"usage": usage}


class NameNotFound(ServiceError):
    status = 404
    kind = "name-not-found"
    title = "Name not found"

    def __init__(self, noun: str, name: str) -> None:
        super().__init__(f"No video has the {noun} {name}")


class NameExists(ServiceError):
    status = 409
    kind = "name-exists"
    title = "Name exists"

    def __init__(self, noun: str, name: str) -> None:
        super().__init__(f"There is a {noun} {name} already; merge them instead")
