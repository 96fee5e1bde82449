"""What the tests of these pages share with those of courses: somebody logged in, an act with the password."""

from tests.courses.conftest import enter, send_with_password

__all__ = ["enter", "send_with_password"]
