"""The words of the recommendation, as rows and other programs carry them, by what they let happen."""

from courses.rules.values import Action

# What lets a cycle go ahead once it is signed.
GO = (Action.PROCEED.word, Action.REDUCE.word)
# What keeps it from going ahead until something ends it.
HELD = (Action.HOLD.word, Action.DELAY.word)
NOT_GO = (*HELD, Action.STOP.word)
# What a physician signs; a hold is not signed.
MEANINGS = (*GO, Action.DELAY.word, Action.STOP.word)
