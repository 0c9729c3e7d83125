"""Damage: one notice for all records that could not be read."""

from __future__ import annotations

from browserllm.app.app import App
from browserllm.app.damage import MAX_NAMED, Damage
from browserllm.app.notices import Notices
from browserllm.app.state import Notice


def room() -> tuple[Damage, App]:
    app = App()
    return Damage(Notices(app)), app


def shown(app: App) -> Notice:
    (notice,) = app.state.value.notices
    return notice


async def test_one_damaged_record_is_named_with_the_reason() -> None:
    damage, app = room()
    damage.note("conversation/a", "it is cut off")
    notice = shown(app)
    assert notice.text == "The record conversation/a is damaged and was skipped: it is cut off"
    assert (notice.code, notice.kind) == ("record_damaged", "warning")
    assert notice.data == {"count": 1, "names": ["conversation/a"], "why": "it is cut off"}


async def test_a_record_that_is_read_again_counts_once() -> None:
    """Nor does its notice come back when it was dismissed."""
    damage, app = room()
    damage.note("conversation/a", "it is cut off")
    app.state.put((), "notices")
    damage.note("conversation/a", "it is cut off")
    assert app.state.value.notices == ()
    damage.note("conversation/b", "it is empty")
    assert shown(app).data["names"] == ["conversation/a", "conversation/b"]
    assert shown(app).code == "records_damaged"


async def test_of_many_damaged_records_some_are_named_and_the_others_counted() -> None:
    damage, app = room()
    keys = [f"message/a/{number}" for number in range(MAX_NAMED + 2)]
    for key in keys[:MAX_NAMED]:
        damage.note(key, "it is empty")
    first = ", ".join(keys[:MAX_NAMED])
    assert shown(app).text == f"{MAX_NAMED} records are damaged and were skipped: {first}"
    for key in keys[MAX_NAMED:]:
        damage.note(key, "it is empty")
    assert shown(app).text == f"{MAX_NAMED + 2} records are damaged and were skipped: {first} and 2 more"
    assert (shown(app).data["count"], shown(app).data["names"]) == (MAX_NAMED + 2, keys[:MAX_NAMED])
