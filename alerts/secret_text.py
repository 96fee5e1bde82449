"""Keep a text unreadable in the database: it can be read with the keys of the settings alone."""

from cryptography.fernet import Fernet, MultiFernet
from django.conf import settings


def encrypted(plain: str) -> str:
    """The text under the newest key."""
    return _keys().encrypt(plain.encode()).decode("ascii")


def decrypted(secret: str) -> str:
    """The text again, under whichever of the keys it was written. Raises InvalidToken."""
    return _keys().decrypt(secret.encode()).decode()


def _keys() -> MultiFernet:
    return MultiFernet([Fernet(key) for key in settings.SECRET_TEXT_KEYS])
