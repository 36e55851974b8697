"""What the clients know: each submission, its fingerprint, and what they were told about it."""

from dataclasses import dataclass, field
from enum import StrEnum

FNV_OFFSET, FNV_PRIME, FNV_MASK = 0xCBF29CE484222325, 0x100000001B3, 0xFFFFFFFFFFFFFFFF


def fingerprint(body: bytes) -> str:
    """The 64-bit FNV-1a digest by which claude-sim's answers name the request they belong to."""
    value = FNV_OFFSET
    for byte in body:
        value = (value ^ byte) * FNV_PRIME & FNV_MASK
    return f"{value:016x}"


class Fate(StrEnum):
    """What the client knows of a submission. An unanswered one may exist or not; a refused one must not."""

    ACKNOWLEDGED = "acknowledged"
    UNANSWERED = "unanswered"
    REFUSED = "refused"


@dataclass(slots=True)
class Submission:
    fingerprint: str
    fate: Fate = Fate.UNANSWERED
    ids: set[str] = field(default_factory=set)
    sends: int = 0

    def acknowledge(self, identifier: str) -> None:
        self.ids.add(identifier)
        self.fate = Fate.ACKNOWLEDGED


class Ledger:
    """All submissions by number; the number is also in each job's metadata, so that lists can be matched."""

    def __init__(self) -> None:
        self.submissions: dict[int, Submission] = {}
        self.acknowledged = 0

    def open(self, number: int, body: bytes) -> Submission:
        submission = Submission(fingerprint(body))
        self.submissions[number] = submission
        return submission

    def count(self, fate: Fate) -> int:
        return sum(submission.fate is fate for submission in self.submissions.values())
