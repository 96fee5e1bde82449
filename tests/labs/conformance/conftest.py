"""The clinic of every conformance test: one laboratory in Berlin, one patient."""

import pytest

from labs.models import Patient
from tests.builders_labs import make_patient, make_sender


@pytest.fixture
def patient(db: None) -> Patient:
    """Maria Müller, number 1001 of CLINIC, and the laboratory that sends for her."""
    make_sender()
    return make_patient()
