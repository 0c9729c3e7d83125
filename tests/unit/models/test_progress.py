"""Progress: byte counts become speed, time left and a bar that never goes back."""

from __future__ import annotations

import random
from itertools import pairwise

import pytest

from browserllm.models.downloads.progress import PHASES, UPDATE_EVERY_S, Meter
from browserllm.page.host import FileProgress, Progress
from browserllm.testing.script import Clock

MB = 1_000_000


def meter_of(clock: Clock, *sizes: int | None) -> Meter:
    return Meter(lambda: clock.now_s, [FileProgress(f"f{index}", total_bytes=size) for index, size in enumerate(sizes)])


def raw(*files: FileProgress, phase: str = "downloading") -> Progress:
    return Progress(phase, files=list(files))


def coming(index: int, loaded: int, total: int | None = None, state: str = "downloading") -> FileProgress:
    return FileProgress(f"f{index}", state, loaded, total)


def test_a_steady_download_has_its_speed_and_its_time_left() -> None:
    """10 MB/s from the first second on: no slow start of the average."""
    clock = Clock()
    meter = meter_of(clock, 100 * MB)
    for second in range(1, 5):
        clock.advance(1)
        update = meter.update(raw(coming(0, second * 10 * MB)))
        assert update is not None
        assert update.bytes_per_s == pytest.approx(10 * MB)
        assert update.seconds_left == pytest.approx(10 - second)
        assert update.fraction == pytest.approx(second / 10)


def test_the_speed_follows_a_change_in_about_five_seconds() -> None:
    """Two thirds of the way after 5 s, whether the messages come every quarter of a second or every second."""
    for step in (0.25, 1.0):
        clock = Clock()
        meter = meter_of(clock, 10_000 * MB)
        loaded = 0
        for speed, seconds in ((10, 60), (1, 5)):
            for _ in range(int(seconds / step)):
                clock.advance(step)
                loaded += int(speed * MB * step)
                meter.update(raw(coming(0, loaded)))
        assert meter.progress.bytes_per_s == pytest.approx((1 + 9 * 0.368) * MB, rel=0.01)


def test_messages_in_one_tick_of_the_clock_count_together() -> None:
    """A page's clock may be coarse; bytes without time must not be a speed without end."""
    clock = Clock()
    meter = meter_of(clock, 100)
    meter.update(raw(coming(0, 10)))
    assert meter.progress.bytes_per_s is None and meter.progress.seconds_left is None
    clock.advance(1)
    meter.update(raw(coming(0, 20)))
    assert meter.progress.bytes_per_s == pytest.approx(20)


def test_stored_bytes_count_in_the_bar_but_not_in_the_speed() -> None:
    """A resumed download begins where it was, at no speed."""
    clock = Clock()
    meter = Meter(lambda: clock.now_s, [FileProgress("f0", "done", 60, 60), FileProgress("f1", "waiting", 20, 40)])
    assert meter.progress.fraction == pytest.approx(0.8)
    clock.advance(1)
    update = meter.update(raw(coming(0, 60, 60, "done"), coming(1, 24, 40)))
    assert update is not None and update.bytes_per_s == pytest.approx(4) and update.fraction == pytest.approx(0.84)


def test_updates_come_at_most_every_quarter_of_a_second_and_the_last_one_always() -> None:
    """What was held back is in the next update."""
    clock = Clock()
    meter = meter_of(clock, 1000, 1000)
    assert meter.update(raw(coming(0, 10))) is not None
    clock.advance(UPDATE_EVERY_S * 0.9)
    assert meter.update(raw(coming(0, 500))) is None
    clock.advance(UPDATE_EVERY_S * 0.2)
    update = meter.update(raw(coming(1, 10)))
    assert update is not None and [file.loaded_bytes for file in update.files] == [500, 10]
    assert meter.update(raw(coming(1, 900))) is None
    last = meter.finish("ready")
    assert (last.phase, last.fraction, last.loaded_bytes, last.seconds_left) == ("ready", 1.0, 2000, 0.0)
    assert {file.state for file in last.files} == {"done"}


def test_a_file_that_starts_again_does_not_move_the_bar_back() -> None:
    """It stands still until the bytes are there again; the counts say what is true, and no speed is negative."""
    clock = Clock()
    meter = meter_of(clock, 100)
    fractions = []
    for loaded in (80, 0, 40, 90):
        clock.advance(1)
        update = meter.update(raw(coming(0, loaded)))
        assert update is not None and update.loaded_bytes == loaded and (update.bytes_per_s or 0) >= 0
        fractions.append(update.fraction)
    assert fractions == [0.8, 0.8, 0.8, 0.9]


def test_a_total_that_grows_does_not_move_the_bar_back() -> None:
    """A file turns out to be larger than promised, or another one appears."""
    clock = Clock()
    meter = meter_of(clock, 100)
    clock.advance(1)
    meter.update(raw(coming(0, 50)))
    clock.advance(1)
    update = meter.update(raw(coming(0, 60, 400), coming(7, 0, 50)))
    assert update is not None and (update.fraction, update.total_bytes, len(update.files)) == (0.5, 450, 2)


def test_without_a_size_there_is_no_fraction_until_it_is_known() -> None:
    """An unknown fraction is ``None``, not a guess."""
    clock = Clock()
    meter = meter_of(clock, 100, None)
    clock.advance(1)
    update = meter.update(raw(coming(0, 100, state="done")))
    assert update is not None
    assert (update.fraction, update.total_bytes, update.seconds_left) == (None, None, None)
    clock.advance(1)
    update = meter.update(raw(coming(1, 50, 100)))
    assert update is not None and (update.fraction, update.total_bytes) == (0.75, 200)
    assert meter_of(clock).finish("ready").fraction == 1.0


def test_the_phase_is_that_of_the_whole_download() -> None:
    """While one file still comes it is ``downloading``; ``verifying`` is when only that is left."""
    clock = Clock()
    meter = meter_of(clock, 10, 10)
    phases = []
    for states in (
        ("verifying", "downloading"),
        ("done", "retrying"),
        ("verifying", "verifying"),
        ("done", "verifying"),
    ):
        clock.advance(1)
        meter.update(raw(*(coming(i, 10, 10, state) for i, state in enumerate(states)), phase="verifying"))
        phases.append(meter.progress.phase)
    assert phases == ["downloading", "downloading", "verifying", "verifying"]
    assert meter.progress.bytes_per_s is None
    assert [PHASES.index(phase) for phase in phases] == sorted(PHASES.index(phase) for phase in phases)


def test_a_pause_does_not_count_in_the_speed() -> None:
    """An hour of pause does not make the next minutes slow."""
    clock = Clock()
    meter = meter_of(clock, 1000)
    clock.advance(1)
    meter.update(raw(coming(0, 100)))
    paused = meter.pause()
    assert (paused.bytes_per_s, paused.seconds_left, paused.fraction) == (None, None, 0.1)
    clock.advance(3600)
    meter.resume()
    clock.advance(1)
    meter.update(raw(coming(0, 200)))
    assert meter.progress.bytes_per_s == pytest.approx(100)


def test_a_failed_download_keeps_its_counts() -> None:
    """The phase is ``error`` with its text; the bar stays where it was."""
    meter = meter_of(Clock(), 100)
    meter.update(raw(coming(0, 30)))
    end = meter.finish("error", "it broke off")
    assert (end.phase, end.text, end.fraction, end.loaded_bytes, end.seconds_left) == (
        "error",
        "it broke off",
        0.3,
        30,
        None,
    )


@pytest.mark.parametrize("seed", range(20))
def test_any_download_has_an_honest_monotonic_bar(seed: int) -> None:
    """Generated downloads: within 5 % of the true fraction all the way, never back, at most four updates a second."""
    random_ = random.Random(seed)  # noqa: S311
    clock = Clock()
    sizes = [random_.randint(1, 64 * MB) for _ in range(random_.randint(1, 40))]
    loaded = [0] * len(sizes)
    meter = meter_of(clock, *sizes)
    updates: list[tuple[float, Progress]] = []
    while any(done < size for done, size in zip(loaded, sizes, strict=True)):
        clock.advance(random_.choice([0.0, 0.01, 0.1, 0.3, 2.0]))
        open_files = [index for index, size in enumerate(sizes) if loaded[index] < size]
        changed = random_.sample(open_files, min(len(open_files), random_.randint(1, 4)))
        for index in changed:
            loaded[index] = min(sizes[index], loaded[index] + random_.randint(0, 8 * MB))
        update = meter.update(
            raw(*(coming(i, loaded[i], sizes[i], "done" if loaded[i] == sizes[i] else "downloading") for i in changed))
        )
        if update is not None:
            updates.append((clock.now_s, update))
            assert update.fraction == pytest.approx(sum(loaded) / sum(sizes), abs=0.05)
            assert update.loaded_bytes == sum(loaded)
    updates.append((clock.now_s, meter.finish("ready")))
    fractions = [update.fraction for _, update in updates]
    assert fractions == sorted(fractions, key=lambda fraction: fraction or 0) and fractions[-1] == 1.0
    times = [time for time, _ in updates[:-1]]
    assert all(later - earlier >= UPDATE_EVERY_S for earlier, later in pairwise(times))


@pytest.mark.parametrize("seed", range(20))
def test_no_download_however_bad_moves_the_bar_back(seed: int) -> None:
    """Generated downloads with files that start again, grow, and were there before."""
    random_ = random.Random(seed)  # noqa: S311
    clock = Clock()
    files = [
        FileProgress(f"f{index}", "waiting", random_.choice([0, 5]), random_.choice([None, 10, 100]))
        for index in range(random_.randint(0, 6))
    ]
    meter = Meter(lambda: clock.now_s, files)
    last = 0.0
    for _ in range(200):
        clock.advance(random_.choice([0.0, 0.1, 1.0]))
        state = random_.choice(["waiting", "downloading", "verifying", "retrying", "done"])
        total = random_.choice([None, 10, 100, 1000])
        meter.update(raw(coming(random_.randint(0, 6), random_.randint(0, 120), total, state)))
        now = meter.progress
        assert now.phase in PHASES and now.loaded_bytes is not None and now.loaded_bytes >= 0
        if now.fraction is not None:
            assert last <= now.fraction <= 1.0
            last = now.fraction
        assert now.bytes_per_s is None or now.bytes_per_s >= 0
        assert now.seconds_left is None or now.seconds_left >= 0
