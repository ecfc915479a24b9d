"""What was read and what became of it: counted, rejected, a duplicate or outside."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace

SHOWN_REJECTS = 10
"""Rejected records that are listed."""

SHOWN_WORDS = 5
"""Words and names that are listed, the most frequent ones."""

SHOWN_IGNORED = 5
"""Files in searched folders that are no logs, which are named."""

FEW_AHEAD = 3
"""Records dated after the machine's clock that may be odd clocks of single machines."""

SHOWN_LEADS = FEW_AHEAD + 1
"""So many of them are looked at one by one."""


def no_array(path: str) -> str:
    """Why a record is rejected that has no array at `logs.records_at`, which is `path`."""
    return f"no {path}"


@dataclass(frozen=True)
class Reject:
    """One rejected record."""

    file: str
    place: str
    """Such as `line 17`."""
    reason: str


@dataclass(frozen=True)
class Flawed:
    """A file of whose records some are rejected."""

    file: str
    rejected: int
    records: int


@dataclass(frozen=True)
class Feed:
    """The keys of the logs that a column is read from."""

    column: str
    keys: tuple[tuple[str, int], ...]
    """Each with the number of sampled records that have a value there, the most frequent first."""
    values: int = 0
    """Records in which a key of the log holds something for this column, of all that were read;
    what is worked out from other columns does not count.
    """
    mapped: bool = False
    """Whether the policy says where it is found."""
    decided: bool = False
    """Whether conditions of the policy may say what it holds."""

    def __add__(self, other: Feed) -> Feed:
        keys = Counter(dict(self.keys))
        keys.update(dict(other.keys))
        return replace(self, keys=tuple(keys.most_common()), values=self.values + other.values)


@dataclass(frozen=True)
class Keys:
    """What the first records of each file tell of the keys of the logs."""

    records: int = 0
    """How many were looked at."""
    files: int = 0
    """In how many files."""
    feeds: tuple[Feed, ...] = ()
    """One for each column that the policy needs."""
    unread: tuple[tuple[str, int], ...] = ()
    """The keys that no column is read from, each with the number of records that have it."""

    def __add__(self, other: Keys) -> Keys:
        feeds = {feed.column: feed for feed in self.feeds}
        for feed in other.feeds:
            mine = feeds.get(feed.column)
            feeds[feed.column] = feed if mine is None else mine + feed
        unread = _most_frequent(_added(self.unread, other.unread))
        return Keys(
            self.records + other.records, self.files + other.files, tuple(feeds.values()), unread
        )


@dataclass(frozen=True)
class Intake:
    """What was read and what became of it. Conservation: records = runs + rejected + duplicates
    + outside.
    """

    files: int = 0
    records: int = 0
    runs: int = 0
    """Records that count: read, unique, and up to as_of."""
    duplicates: int = 0
    duplicates_apart: int = 0
    """Duplicates that begin more than a day from the record that replaces them, or differ from it
    in outcome: where there are many, what they are known by is no key."""
    outside: int = 0
    """Records after as_of, or dated more than 5 minutes after the machine's clock."""
    future: int = 0
    """Those of the records outside that are dated more than 5 minutes after the machine's clock."""
    leads: tuple[int, ...] = ()
    """By how many microseconds the first few of these are ahead of the clock, the largest first."""
    clocked: bool = True
    """Whether the machine's clock decides which runs count; an instant that was asked for does so
    by itself."""
    rejected: tuple[tuple[str, int], ...] = ()
    """Rejected records by reason."""
    flawed: tuple[Flawed, ...] = ()
    """The files that have rejected records."""
    good: bool = False
    """Whether any readable record, be it outside or a duplicate, says that it went well or that a
    person took over. Where none does, the log names failures only, or nothing."""
    said: bool = False
    """Whether any counted run has an outcome."""
    key: tuple[str, ...] = ("workflow", "run_id")
    """What records of one run share."""
    maybe_outcomes: tuple[str, ...] = ()
    """Keys of the log that may hold the outcome; looked for where none says that it went well."""
    first: int | None = None
    """The oldest counted run, in microseconds since 1970."""
    last: int | None = None
    """The newest counted run."""
    rejects: tuple[Reject, ...] = ()
    """The first few rejected records."""
    all_words: tuple[tuple[str, int], ...] = ()
    """The outcome words that nobody knows, the most frequent first."""
    all_names: tuple[tuple[str, int], ...] = ()
    """The names that outcomes were found under, where there are several and none is mapped."""
    unreadable: tuple[tuple[str, str], ...] = ()
    """Files that were skipped as a whole, each with the reason."""
    absent: tuple[str, ...] = ()
    """Optional mapped columns that never occur; looked for on request only."""
    ignored: int = 0
    """Files in searched folders that are no logs by their names."""
    ignored_names: tuple[str, ...] = ()
    """The names of the first few of them."""
    keys: Keys = Keys()
    """Looked for on request only."""

    @property
    def lead(self) -> int | None:
        """By how much the newest record is ahead of the machine's clock, where that is too much."""
        return self.leads[0] if self.leads else None

    @property
    def words(self) -> tuple[tuple[str, int], ...]:
        """The most frequent outcome words that nobody knows."""
        return self.all_words[:SHOWN_WORDS]

    @property
    def said_by(self) -> tuple[tuple[str, int], ...]:
        """The most frequent names of the outcome, where there are several."""
        return self.all_names[:SHOWN_WORDS]

    @property
    def rejected_total(self) -> int:
        """All rejected records."""
        return sum(count for _, count in self.rejected)

    def __add__(self, other: Intake) -> Intake:
        firsts = [first for first in (self.first, other.first) if first is not None]
        lasts = [last for last in (self.last, other.last) if last is not None]
        return Intake(
            self.files + other.files,
            self.records + other.records,
            self.runs + other.runs,
            self.duplicates + other.duplicates,
            self.duplicates_apart + other.duplicates_apart,
            self.outside + other.outside,
            self.future + other.future,
            tuple(sorted((*self.leads, *other.leads), reverse=True)[:SHOWN_LEADS]),
            self.clocked and other.clocked,
            _added(self.rejected, other.rejected),
            self.flawed + other.flawed,
            self.good or other.good,
            self.said or other.said,
            self.key,
            tuple(dict.fromkeys((*self.maybe_outcomes, *other.maybe_outcomes))),
            min(firsts, default=None),
            max(lasts, default=None),
            (self.rejects + other.rejects)[:SHOWN_REJECTS],
            _most_frequent(_added(self.all_words, other.all_words)),
            _most_frequent(_added(self.all_names, other.all_names)),
            self.unreadable + other.unreadable,
            tuple(name for name in self.absent if name in other.absent),
            self.ignored + other.ignored,
            (self.ignored_names + other.ignored_names)[:SHOWN_IGNORED],
            self.keys + other.keys,
        )


def _added(
    left: Iterable[tuple[str, int]], right: Iterable[tuple[str, int]]
) -> tuple[tuple[str, int], ...]:
    total = Counter(dict(left))
    total.update(dict(right))
    return tuple(sorted(total.items()))


def _most_frequent(counts: tuple[tuple[str, int], ...]) -> tuple[tuple[str, int], ...]:
    return tuple(sorted(counts, key=lambda pair: (-pair[1], pair[0])))
