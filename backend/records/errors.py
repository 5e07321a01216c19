"""What is refused of records and names.

VideoAnalysisNotFound   404
VideoAnalysisExists     409
NameNotFound            404, a tag or a person
NameExists              409
"""

from __future__ import annotations

from backend.core.errors import ServiceError


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
