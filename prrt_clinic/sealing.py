"""Tells the sealer which tables are the record: those that no trigger lets be changed."""

from labs.services.seals import seal_these
from prrt_clinic.append_only import APPEND_ONLY

seal_these(APPEND_ONLY)
