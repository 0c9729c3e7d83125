# ruff: noqa: PLC0414 (re-exported names)
"""asyncio, imported when one of its names is first used: importing it takes as long as the rest of a program's start.

A program that only creates a backend, or looks something up, does not wait for it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from asyncio import FIRST_COMPLETED as FIRST_COMPLETED
    from asyncio import AbstractEventLoop as AbstractEventLoop
    from asyncio import CancelledError as CancelledError
    from asyncio import Event as Event
    from asyncio import Future as Future
    from asyncio import Lock as Lock
    from asyncio import Queue as Queue
    from asyncio import Task as Task
    from asyncio import TimerHandle as TimerHandle
    from asyncio import create_task as create_task
    from asyncio import current_task as current_task
    from asyncio import ensure_future as ensure_future
    from asyncio import gather as gather
    from asyncio import get_event_loop as get_event_loop
    from asyncio import get_running_loop as get_running_loop
    from asyncio import new_event_loop as new_event_loop
    from asyncio import set_event_loop as set_event_loop
    from asyncio import shield as shield
    from asyncio import sleep as sleep
    from asyncio import timeout as timeout
    from asyncio import wait as wait
else:

    def __getattr__(name: str) -> Any:
        import asyncio

        return getattr(asyncio, name)
