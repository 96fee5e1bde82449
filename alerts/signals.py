"""The one signal of this app: mails are owed because of a person's act, sent on commit, for nudging only."""

from django.dispatch import Signal

mails_owed = Signal()
