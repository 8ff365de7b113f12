"""Pictures of several topics that were taken together, by their header stamps, as they stream by.

Two belong together if each is the other's nearest and they are no further apart than asked. A
message waits at most a second of the log for its partner, so little is held, and a clock that jumps
or a bag that was played in a loop does no harm.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from .bag import NS, Message

WAIT = NS  # of the log
HELD = 1 << 28  # bytes of messages that may wait


@dataclass
class Waiting:
    """A message whose partners are not known yet."""

    role: str
    message: Message
    time: int  # its stamp
    order: int  # of arrival


Set = dict[str, Message]


class Together:
    """Finds what was taken together. Push messages as they come, then `finish`.

    Args:
        roles: what messages are; the first is the one that others are matched with.
        within: nanoseconds that stamps may be apart.

    Attributes:
        alone: role -> how many messages had no partner.
        apart: the largest distance in nanoseconds of two that were matched.
        repeated: messages whose stamp is that of the one before.
    """

    def __init__(self, roles: Sequence[str], within: int) -> None:
        self._roles, self._within = tuple(roles), within
        self._waiting: dict[str, list[Waiting]] = {role: [] for role in roles}
        self._latest: dict[str, int] = {}
        self._now, self._held, self._count, self._over = 0, 0, 0, False
        self.alone = dict.fromkeys(roles, 0)
        self.apart = self.repeated = 0

    def push(self, role: str, message: Message) -> Iterator[Set]:
        """Take a message; yield the sets that are complete now, in the order of the log."""
        time = message.stamp
        before = self._latest.get(role, time)
        self.repeated += before == time and role in self._latest
        if time < before:  # a clock jumped: what others had come to says nothing any more
            self._latest.clear()
        self._latest[role], self._now = time, max(self._now, message.logged)
        self._waiting[role].append(Waiting(role, message, time, self._count))
        self._count += 1
        self._held += message.size
        yield from self._settle()

    def finish(self) -> Iterator[Set]:
        """Yield what is left, when no more messages come."""
        self._over = True
        yield from self._settle()

    def _settle(self) -> Iterator[Set]:
        while (oldest := self._oldest()) is not None:
            anchor: Waiting | None = oldest
            if oldest.role != self._roles[0]:
                sure, anchor = self._partner(oldest, self._roles[0])
                if not sure:
                    return
            if anchor is None:
                yield self._take([oldest])
                continue
            group = [anchor]
            for role in self._roles[1:]:
                sure, found = self._partner(anchor, role)
                if not sure:
                    return
                group += [] if found is None else [found]
            yield self._take(group)

    def _oldest(self) -> Waiting | None:
        first = [queue[0] for queue in self._waiting.values() if queue]
        return min(first, key=lambda w: w.order, default=None)

    def _partner(self, one: Waiting, role: str) -> tuple[bool, Waiting | None]:
        """Return whether it is certain by now which message of a role goes with `one`, and it."""
        for other in self._near(one, role):
            back = next(iter(self._near(other, one.role)))
            if back is one:
                sure = other.time == one.time or self._past(one, role, one.time + self._within)
                return sure and self._past(one, one.role, 2 * other.time - one.time), other
        return self._past(one, role, one.time + self._within), None

    def _near(self, one: Waiting, role: str) -> list[Waiting]:
        """Return what waits within reach, nearest first."""
        near = [w for w in self._waiting[role] if abs(w.time - one.time) <= self._within]
        return sorted(near, key=lambda w: (abs(w.time - one.time), w.order))

    def _past(self, one: Waiting, role: str, time: int) -> bool:
        """Whether a role has come to a time, or `one` has waited long enough."""
        late = self._now - one.message.logged > WAIT or self._held > HELD
        return self._over or late or self._latest.get(role, time - 1) >= time

    def _take(self, group: list[Waiting]) -> Set:
        for member in group:
            self._waiting[member.role].remove(member)
            self._held -= member.message.size
        if len(group) == 1 and len(self._roles) > 1:
            self.alone[group[0].role] += 1
        times = [member.time for member in group]
        self.apart = max(self.apart, max(times) - min(times))
        return {member.role: member.message for member in group}
