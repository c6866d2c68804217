"""What lies in the journal's folder beside its database."""

from pathlib import Path

from matching_spark.config import Settings


def folder(settings: Settings) -> Path:
    """The folder that service.journal names, which has to be set."""
    assert settings.service.journal is not None
    return Path(settings.service.journal).absolute()


def service_photos(settings: Settings) -> Path:
    """The folder in which the service keeps photos, SHA256.jpg, until they are in the warehouse."""
    return folder(settings) / "photos"


def service_photo(settings: Settings, sha256: str) -> Path:
    """The place of a photo. sha256: of its bytes as they came."""
    return service_photos(settings) / f"{sha256}.jpg"


def merger_lock(settings: Settings) -> Path:
    """The file that the one merger of the journal has locked."""
    return folder(settings) / "merger.lock"
