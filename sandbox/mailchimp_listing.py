"""Lists and single resources of Mailchimp as tables of parts: paging, page shift, and only what is asked for."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any, Generic, TypeVar, overload

from sandbox.mailchimp_rules import invalid
from sandbox.mailchimp_select import Selection, page_of, selection, shifted
from sandbox.mailchimp_state import seconds
from sandbox.platform import Answer, Call, Stop

Json = dict[str, Any]
S = TypeVar("S")
T = TypeVar("T")


class Lazily(Sequence[T], Generic[S, T]):
    """*found*, each made into what is listed only where a page needs it."""

    def __init__(self, found: Sequence[S], make: Callable[[S], T]) -> None:
        self._found, self._make = found, make

    def __len__(self) -> int:
        return len(self._found)

    @overload
    def __getitem__(self, place: int) -> T: ...
    @overload
    def __getitem__(self, place: slice) -> list[T]: ...
    def __getitem__(self, place: int | slice) -> T | list[T]:
        if isinstance(place, slice):
            return [self._make(one) for one in self._found[place]]
        return self._make(self._found[place])


class Shelf(Generic[T]):
    """The last lists that were computed, by their question, at most *room* entries in all."""

    def __init__(self, room: int) -> None:
        self._room = room
        self._kept: OrderedDict[Hashable, Sequence[T]] = OrderedDict()

    def get(self, question: Hashable, compute: Callable[[], Sequence[T]]) -> Sequence[T]:
        found = self._kept.get(question)
        if found is None:
            found = self._kept[question] = compute()
            while sum(map(len, self._kept.values())) > self._room and len(self._kept) > 1:
                self._kept.popitem(last=False)
        else:
            self._kept.move_to_end(question)
        return found

    def clear(self) -> None:
        self._kept.clear()


def listing(
    call: Call,
    name: str,
    found: Sequence[T],
    parts: Mapping[str, Callable[[T], Any]],
    *,
    paged: bool = True,
    **more: Any,
) -> Answer:
    """A page of *found*, each shown by *parts*, with the members *more* beside it. A part that is None is left out."""
    chosen = selection(call, (name, *more, "total_items", "_links"), name, (*parts, "_links"))
    page = found
    if paged:
        offset, count = page_of(call)
        offset = shifted(call, offset)
        page = found[offset : offset + count]
    answer: Json = {}
    if chosen.wants(name):
        answer[name] = list(map(_shower(parts, chosen.within(name)), page))
    rest = {**more, "total_items": len(found)}
    answer.update({key: value for key, value in rest.items() if value is not None and chosen.wants(key)})
    return Answer(200, answer)


def single(call: Call, one: T, parts: Mapping[str, Callable[[T], Any]]) -> Answer:
    """*one* alone, shown by *parts*."""
    return Answer(200, _shower(parts, selection(call, (*parts, "_links")))(one))


def _shower(parts: Mapping[str, Callable[[T], Any]], chosen: Selection) -> Callable[[T], Json]:
    """How one entry is shown: only the wanted parts are made, and cut only where something inside them is not."""
    wanted = [(name, part) for name, part in parts.items() if chosen.wants(name)]
    whole = not any(chosen.tree.values())

    def show(one: T) -> Json:
        shown = {name: value for name, part in wanted if (value := part(one)) is not None}
        return shown if whole else chosen.cut(shown)

    return show


def moment(call: Call, name: str) -> int:
    """The moment that a query parameter names, in seconds; 0 where it is not given."""
    try:
        return seconds(call.one(name))
    except ValueError:
        raise Stop(invalid([(name, "This value is not a valid datetime.")])) from None


def choice(call: Call, name: str, known: Sequence[str]) -> str:
    """The value of a query parameter that has to be one of *known*, or nothing."""
    text = call.one(name)
    if text and text not in known:
        raise Stop(invalid([(name, "Value must be one of: " + ", ".join(known))]))
    return text


def ordered(call: Call, found: Sequence[T], sorts: Mapping[str, Callable[[T], Any]]) -> Sequence[T]:
    """*found* by ``sort_field`` and ``sort_dir``, as it came where no field is named."""
    field = choice(call, "sort_field", tuple(sorts))
    down = choice(call, "sort_dir", ("ASC", "DESC")) == "DESC"
    return sorted(found, key=sorts[field], reverse=down) if field else found
