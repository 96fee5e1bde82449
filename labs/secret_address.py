"""The secret of an address that lets its reader in without a log-in: shown once, kept as its digest."""

import hashlib
import secrets


def new_secret() -> str:
    """A secret that nobody guesses; whoever made the address is shown it this once."""
    return secrets.token_urlsafe(32)


def digest_of(secret: str) -> str:
    """What is kept of a secret, and by which its address is found again."""
    return hashlib.sha256(secret.encode()).hexdigest()
