"""The one signal of this app: ids of decisions just recorded, sent on commit, for nudging only."""

from django.dispatch import Signal

decision_recorded = Signal()
