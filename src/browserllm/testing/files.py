"""ScriptedFiles: the web and the browser's storage of a `ScriptedHost`, for tests of downloads without a browser.

The steps of its files decide how a download goes. Each step is used once: a repeated download continues with the rest.

==================  =================================================================
a number            this many bytes arrive
`Wait`              seconds on the script's `Clock`, which the test controls
an exception        the download fails here; the bytes before it stay
`HANG`              nothing more arrives until the download is stopped
`CLOSE`             the connection to the page closes here
==================  =================================================================

After its last step a file arrives completely.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from ..errors import BrowserLLMError, Cancelled, DownloadInterrupted, IntegrityError, QuotaExceeded
from ..models import engines
from .script import CLOSE, Cue, Wait

BASE = "http://scripted.test/"
"""The base of relative URLs."""

FileStep = int | Wait | Cue | BrowserLLMError


class ScriptedFile:
    """A file on the scripted web: its text or size, its status, and the steps of its download."""

    def __init__(
        self, content: str | int, *, steps: Sequence[FileStep] = (), status: int = 200, reports_size: bool = True
    ) -> None:
        """Serve a text, or a number of arbitrary bytes; ``reports_size`` says whether the server reports the size."""
        self.text = content if isinstance(content, str) else None
        self.size_bytes = len(content.encode()) if isinstance(content, str) else content
        self.steps = list(steps)
        self.status = status
        self.reports_size = reports_size


class ScriptedFiles:
    """Files on the web, and the browser's storage. Two hosts that share one act as a browser started twice.

    ``entries`` are the sizes of the files in the caches, by cache and URL; ``partials`` the partly downloaded files;
    ``journal`` the records; ``values`` the data of a `HostStore`. ``online``, ``quota_bytes`` and ``web`` may be
    changed at any time.
    """

    def __init__(
        self,
        web: Mapping[str, str | int | ScriptedFile] | None = None,
        *,
        quota_bytes: int = 10**12,
        grants_persistence: bool = True,
        picked: Mapping[str, str | int] | None = None,
    ) -> None:
        """Serve ``web`` by URL (relative ones are the site's); ``picked`` is the folder that the user picks."""
        self.web = {_absolute(url): _scripted(file) for url, file in (web or {}).items()}
        self.picked = picked
        self.online = True
        self.quota_bytes = quota_bytes
        self.entries: dict[tuple[str, str], int] = {}
        self.texts: dict[tuple[str, str], str] = {}
        self.partials: dict[str, dict[str, Any]] = {}
        self.journal: dict[str, Any] = {}
        self.values: dict[tuple[str, str], str] = {}
        self.persisted = False
        self.fetched_bytes = 0
        self._grants_persistence = grants_persistence

    @property
    def used_bytes(self) -> int:
        """The size of all stored files, partial ones included."""
        return sum(self.entries.values()) + sum(part["loaded_bytes"] for part in self.partials.values())

    def store(self, cache: str, url: str, content: str | int) -> None:
        """Put a file into a cache, as if it had been downloaded."""
        key = (cache, _absolute(url))
        file = _scripted(content)
        self.entries[key] = file.size_bytes
        if file.text is not None:
            self.texts[key] = file.text

    async def answer(self, op: str, args: Mapping[str, Any], page: PageSide) -> dict[str, Any]:
        """Perform one of `OPS` for a page."""
        if op == "download":
            return await self._download(args, page)
        answer: dict[str, Any] = getattr(self, f"_{op}")(args)
        return answer

    def _read_file(self, args: Mapping[str, Any]) -> dict[str, Any]:
        key = (args["cache"], _absolute(args["url"]))
        origin = "cache"
        if key not in self.texts or args.get("refresh"):
            file = self._fetch(key[1])
            if file.text is None:
                raise IntegrityError(f"{key[1]} is not a text file", data={"url": key[1]})
            self.store(*key, file.text)
            origin = "network"
        return {"text": self.texts[key], "size_bytes": self.entries[key], "from": origin}

    def _inspect_files(self, args: Mapping[str, Any]) -> dict[str, Any]:
        files: list[dict[str, Any]] = []
        for url in (_absolute(url) for url in args["urls"]):
            file = self.web.get(url)
            status = None if not self.online else 404 if file is None else file.status
            size_bytes = file.size_bytes if file is not None and status == 200 and file.reports_size else None
            files.append({"url": url, "status": status, "size_bytes": size_bytes, "ranges": status == 200})
        return {"files": files}

    def _stored(self, args: Mapping[str, Any]) -> dict[str, Any]:
        return {
            "usage_bytes": self.used_bytes,
            "quota_bytes": self.quota_bytes,
            "persisted": self.persisted,
            "entries": [
                {"cache": cache, "url": url, "size_bytes": size} for (cache, url), size in self.entries.items()
            ],
            "partials": list(self.partials.values()),
            "journal": self.journal,
        }

    def _delete_files(self, args: Mapping[str, Any]) -> dict[str, Any]:
        before = self.used_bytes
        gone = 0
        entries: Sequence[Mapping[str, str]] = args.get("entries") or ()
        for cache, url in ((entry["cache"], _absolute(entry["url"])) for entry in entries):
            gone += self.entries.pop((cache, url), None) is not None
            self.texts.pop((cache, url), None)
        for url in args.get("partials") or ():
            gone += self.partials.pop(_absolute(url), None) is not None
        return {"deleted": gone, "freed_bytes": before - self.used_bytes}

    def _journal(self, args: Mapping[str, Any]) -> dict[str, Any]:
        self.journal.update(args.get("put") or {})
        for key in args.get("remove") or ():
            self.journal.pop(key, None)
        return {"journal": self.journal}

    def _persist(self, args: Mapping[str, Any]) -> dict[str, Any]:
        self.persisted = self.persisted or self._grants_persistence
        return {"persisted": self.persisted}

    def _values(self, args: Mapping[str, Any]) -> dict[str, Any]:
        name, key = args["name"], args.get("key", "")
        if args["action"] == "get":
            return {"value": self.values.get((name, key))}
        if args["action"] == "put":
            self.values[name, key] = args["value"]
        elif args["action"] == "swap":
            if self.values.get((name, key)) != args["expected"]:
                return {"swapped": False}
            if args["value"] is None:
                self.values.pop((name, key), None)
            else:
                self.values[name, key] = args["value"]
            return {"swapped": True}
        elif args["action"] == "delete":
            self.values.pop((name, key), None)
        else:
            found = sorted(
                (key, value)
                for (store, key), value in self.values.items()
                if store == name
                and key.startswith(args.get("prefix") or "")
                and (args.get("after") is None or key > args["after"])
            )
            if args["action"] == "items":
                # In pages of two, so that the reader has to ask for more.
                return {"items": found[:2], "more": len(found) > 2}
            for key, _ in found:
                del self.values[name, key]
        return {}

    def _pick_files(self, args: Mapping[str, Any]) -> dict[str, Any]:
        if self.picked is None:
            raise Cancelled("the user picked no folder")
        folder = f"{BASE}own/{args['key']}/resolve/picked/"
        entries: list[dict[str, Any]] = []
        for name, content in self.picked.items():
            cache = _cache_of(name, self.picked)
            if cache is None:
                continue
            self.store(cache, folder + name, content)
            entries.append({"cache": cache, "url": folder + name, "size_bytes": self.entries[cache, folder + name]})
        return {"folder": folder, "entries": entries}

    async def _download(self, args: Mapping[str, Any], page: PageSide) -> dict[str, Any]:
        orders = [{**order, "url": _absolute(order["url"])} for order in args["files"]]
        states = [
            {
                "url": order["url"],
                "state": "waiting",
                "loaded_bytes": self.partials.get(order["url"], {}).get("loaded_bytes", 0),
                "total_bytes": order.get("size_bytes"),
            }
            for order in orders
        ]
        results: list[dict[str, Any]] = []
        for order, state in zip(orders, states, strict=True):
            result = await self._download_one(order, state, lambda: page.report(_progress(states)), page)
            results.append(result)
        return {"files": results, "fetched_bytes": sum(result["fetched_bytes"] for result in results)}

    async def _download_one(
        self, order: dict[str, Any], state: dict[str, Any], report: Callable[[], None], page: PageSide
    ) -> dict[str, Any]:
        key = (order["cache"], order["url"])
        promised = order.get("size_bytes")
        result = {**{name: order[name] for name in ("cache", "url")}, "fetched_bytes": 0, "resumed_from": 0}
        if key in self.entries and promised in (None, self.entries[key]):
            result |= {"size_bytes": self.entries[key], "verified": "stored"}
        else:
            file = self._fetch(order["url"])
            start = loaded = state["loaded_bytes"]
            state |= {"state": "downloading", "total_bytes": promised if promised is not None else file.size_bytes}
            while loaded < file.size_bytes:
                step = file.steps.pop(0) if file.steps else file.size_bytes - loaded
                if isinstance(step, BrowserLLMError):
                    raise step
                if isinstance(step, int):
                    step = min(step, file.size_bytes - loaded)
                    self._take(order, loaded + step, step, state)
                    loaded += step
                    report()
                elif step is CLOSE:
                    page.drop()
                if await page.wait(Wait(0) if isinstance(step, int) or step is CLOSE else step):
                    raise Cancelled("the download was stopped")
            if promised not in (None, loaded):
                self.partials.pop(order["url"], None)
                raise IntegrityError(
                    f"{order['url']} has {loaded} bytes, but {promised} were expected", data={"url": order["url"]}
                )
            self.partials.pop(order["url"], None)
            self.store(*key, file.text if file.text is not None else loaded)
            result |= {"size_bytes": loaded, "fetched_bytes": loaded - start, "resumed_from": start}
            result["verified"] = "hash" if order.get("hash") else "none" if promised is None else "size"
        state |= {"state": "done", "loaded_bytes": result["size_bytes"], "total_bytes": result["size_bytes"]}
        report()
        return result

    def _take(self, order: dict[str, Any], loaded: int, arrived: int, state: dict[str, Any]) -> None:
        if self.used_bytes + arrived > self.quota_bytes:
            raise QuotaExceeded(f"not enough space for {order['url']}", data={"url": order["url"]})
        self.fetched_bytes += arrived
        state["loaded_bytes"] = loaded
        self.partials[order["url"]] = {
            "url": order["url"],
            "cache": order["cache"],
            "loaded_bytes": loaded,
            "total_bytes": state["total_bytes"],
            "updated_ms": 0.0,
        }

    def _fetch(self, url: str) -> ScriptedFile:
        file = self.web.get(url)
        if not self.online:
            raise DownloadInterrupted(f"no answer from {url}", data={"url": url, "reason": "offline"})
        if file is None or file.status != 200:
            status = 404 if file is None else file.status
            reason = "missing" if status in (404, 410) else "refused" if status in (401, 403) else "server"
            raise DownloadInterrupted(
                f"{url} could not be downloaded: the server answered {status}",
                data={"url": url, "status": status, "reason": reason},
            )
        return file


OPS = frozenset(
    {"read_file", "inspect_files", "download", "stored", "delete_files", "journal", "persist", "pick_files", "values"}
)
"""The protocol's operations on files and storage."""


class PageSide:
    """What a scripted file can do to the page that downloads it."""

    def __init__(
        self,
        report: Callable[[Mapping[str, Any]], None],
        wait: Callable[[Wait | Cue], Awaitable[bool]],
        drop: Callable[[], None],
    ) -> None:
        """Take the page's functions: ``wait`` returns whether the request was stopped, ``drop`` disconnects."""
        self.report = report
        self.wait = wait
        self.drop = drop


def _absolute(url: str) -> str:
    from urllib.parse import urljoin

    return urljoin(BASE, url)


def _scripted(file: str | int | ScriptedFile) -> ScriptedFile:
    return file if isinstance(file, ScriptedFile) else ScriptedFile(file)


def _progress(states: list[dict[str, Any]]) -> dict[str, Any]:
    sizes = [state["total_bytes"] for state in states]
    loaded = sum(state["loaded_bytes"] for state in states)
    total = None if None in sizes else sum(sizes)
    return {
        "phase": "downloading",
        "fraction": loaded / total if total else None,
        "text": "",
        "loaded_bytes": loaded,
        "total_bytes": total,
        "files": states,
    }


def _cache_of(name: str, folder: Mapping[str, Any]) -> str | None:
    """Return the cache of the first engine that reads the file, or ``None``."""
    return next(
        (cache for engine in engines.known() if (cache := engine.cache_of(name, folder.keys())) is not None), None
    )
