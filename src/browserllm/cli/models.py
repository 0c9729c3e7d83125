"""``browserllm models``: list models, see which fit, download and delete them."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterable
from typing import Any

import click
import msgspec
from rich.markup import escape

from .._internal.formatting import size_text
from ..errors import BrowserLLMError, InvalidRequest, ModelNotDownloaded, QuotaExceeded
from ..models import Catalog, ModelManager, engines
from ..models.catalog.catalog import check_purpose
from ..models.choosing import only_pinned
from ..models.downloads.download import Download
from ..models.fit import fit
from ..models.storage import Storage, StoredModel
from ..page.chrome.profile import default_folder
from ..page.connect import connect
from ..page.host import Progress
from .console import browser_options, canonical_name, finish, print_json, print_notices, stderr_console
from .progress import DownloadBars
from .tables import print_card, print_catalog, print_entries, print_plan
from .waiting import Waiting

ENGINES = click.Choice(engines.names())
DEVICES = click.Choice(engines.devices())

STOP_WITHIN_S = 5.0
"""How long Ctrl-C waits for the browser to store what was downloaded, and to report its size."""


@click.group(short_help="List, check, download and delete models.")
def models() -> None:
    """List models, see which fit this device, download and delete them.

    Models are kept in the profile of the browser that browserllm launches, which all its commands share.
    """


@models.command("list")
@click.option("--fits", is_flag=True, help="Only models that this device can run, and where they run.")
@click.option(
    "--purpose", metavar="WORD", help="Only models for this purpose: chat, code, math, multilingual, vision, ..."
)
@click.option("--downloaded", is_flag=True, help="Only models whose files are on this device.")
@browser_options
def list_models(
    *,
    fits: bool,
    purpose: str | None,
    downloaded: bool,
    browser: str | None,
    profile: str | None,
    webgpu: Any,
    as_json: bool,
    debug: bool,
) -> None:
    """List the known models.

    Without options no browser is started. --fits and --downloaded start a browser to check this device.
    """
    catalog = Catalog()
    _check_purpose(catalog, purpose)

    async def work() -> int:
        if not fits and not downloaded:
            cards = [card for card in catalog if purpose is None or purpose in card.purposes]
            if as_json:
                print_json({"models": msgspec.to_builtins(cards)})
            else:
                print_catalog(cards)
            return 0
        # Name the default profile: a second process would otherwise get a temporary one, without downloads.
        folder = profile or (default_folder() if downloaded else None)
        async with connect(browser=browser, profile=folder, webgpu=webgpu) as host:
            print_notices(host.notices)
            manager = ModelManager(host, catalog)
            entries = await manager.list(purpose=purpose, fits=fits or None, downloaded=downloaded or None)
            storage = await manager.storage()
        if as_json:
            print_json({"models": msgspec.to_builtins(entries), "storage": msgspec.to_builtins(storage)})
        else:
            print_entries(entries, storage, judged=fits, downloaded=downloaded, purpose=purpose)
        return 0

    finish(work, as_json=as_json, debug=debug)


@models.command(short_help="Show a model, and whether this device can run it.")
@click.argument("name")
@browser_options
def info(*, name: str, browser: str | None, profile: str | None, webgpu: Any, as_json: bool, debug: bool) -> None:
    """Show all about the model NAME, and whether this device can run it.

    NAME is a model's name, or the id of one of its builds.
    """

    async def work() -> int:
        catalog = Catalog()
        match = catalog.find(name)
        async with connect(browser=browser, profile=profile, webgpu=webgpu) as host:
            print_notices(host.notices)
            manager = ModelManager(host, catalog)
            storage = await manager.storage()
            facts = await host.probe()
            engines = [engine.name for engine in host.hello.engines]
            judged = await manager.fit(name)
            stored = [model for model in storage.models if model.model == match.card.id]
            here = {model.artifact_id for model in stored if model.complete and model.artifact_id is not None}
            options: dict[str, Any] = {"free_bytes": storage.available_bytes, "stored": here}
            builds = [
                (artifact, fit(only_pinned(match.card, artifact), facts, engines=engines, **options))
                for artifact in match.card.artifacts
                if match.artifact in (None, artifact)
            ]
        if as_json:
            answer = {"model": match.card, "fit": judged, "builds": [build for _, build in builds], "stored": stored}
            print_json(msgspec.to_builtins(answer))
        else:
            print_card(match.card, builds, stored)
        return 0

    finish(work, as_json=as_json, debug=debug)


@models.command(short_help="Download a model.")
@click.argument("name")
@click.option("--engine", type=ENGINES, help="Download the build for this engine.")
@click.option("--device", type=DEVICES, help="Download the build for this device.")
@browser_options
def pull(
    *,
    name: str,
    engine: str | None,
    device: str | None,
    browser: str | None,
    profile: str | None,
    webgpu: Any,
    as_json: bool,
    debug: bool,
) -> None:
    """Download the model NAME: the best of its builds that this device can run.

    Ctrl-C stops the download and keeps what has arrived; the next pull resumes from there. With --json every update is
    one line, and the last line is the result.
    """

    async def work(*, evict: bool = False) -> int:
        console = stderr_console()
        bars = DownloadBars(name, as_json=as_json)

        def show(progress: Progress) -> None:
            waiting.update(f"Fetching {canonical_name(name)}")
            bars.show(progress)

        # Name the default profile: a second process would otherwise get a temporary one, and lose the model at its end.
        with Waiting(console, "Starting the browser", quiet=as_json) as waiting:
            async with connect(browser=browser, profile=profile or default_folder(), webgpu=webgpu) as host:
                waiting.update(f"Looking for the files of {canonical_name(name)}")
                manager = ModelManager(host, Catalog(), on_full="evict" if evict else "fail")
                download = await manager.start_download(name, engine=engine, device=device, on_progress=show)
                if console.is_terminal:
                    waiting.stop()  # the progress bars take over
                try:
                    with bars:
                        result = await download
                except asyncio.CancelledError:
                    bars.say_stopped(await _stop(download))
                    raise
                bars.say_done(result)
        return 0

    async def ask_or_fail() -> int:
        try:
            return await work()
        except QuotaExceeded as error:
            if as_json or not _can_ask() or not error.data.get("plan", {}).get("enough"):
                raise
            stderr_console().print(f"[yellow]{escape(str(error))}[/]", highlight=False)
        # The browser is closed by now: the user may take their time to answer.
        if not click.confirm("Delete them and continue?", default=False, err=True):
            return 1
        return await work(evict=True)

    finish(ask_or_fail, as_json=as_json, debug=debug, lines=True, stopped="")  # the bars say what is kept


@models.command(short_help="Delete models from this device.")
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option("--all", "everything", is_flag=True, help="Delete all models, and all files that belong to no model.")
@click.option("--orphans", is_flag=True, help="Delete the files that belong to no model.")
@click.option("--yes", is_flag=True, help="Delete without asking.")
@browser_options
def rm(
    *,
    names: tuple[str, ...],
    everything: bool,
    orphans: bool,
    yes: bool,
    browser: str | None,
    profile: str | None,
    webgpu: Any,
    as_json: bool,
    debug: bool,
) -> None:
    """Delete the models NAME... from this device. Files that another model also needs stay."""
    if bool(names) + everything + orphans != 1:
        raise click.UsageError("name the models to delete, or use --all or --orphans")
    if not yes and (as_json or not _can_ask()):
        raise click.UsageError("cannot ask for confirmation here: add --yes to delete without asking")

    async def work(*, agreed: bool) -> int | None:
        async with connect(browser=browser, profile=profile or default_folder(), webgpu=webgpu) as host:
            manager = ModelManager(host, Catalog())
            storage = await manager.storage()
            chosen = _chosen(names, manager, storage) if names else storage.models if everything else []
            if not agreed:
                return print_plan(chosen, storage, orphans=not names)
            freed = await manager.clear() if everything else await manager.remove_orphans() if orphans else 0
            for name in names:
                freed += await manager.delete(name)
        if as_json:
            print_json({"deleted": [build.key for build in chosen], "freed_bytes": freed})
        else:
            click.echo(_deleted_text(chosen, freed))
        return 0

    async def ask_and_delete() -> int:
        if not yes:
            if not await work(agreed=False):
                click.echo("There is nothing to delete.")
                return 0
            # The browser is closed by now: the user may take their time to answer.
            if not click.confirm("Delete?", default=False, err=True):
                return 1
        return await work(agreed=True) or 0

    finish(ask_and_delete, as_json=as_json, debug=debug)


async def _stop(download: Download) -> int | None:
    """Stop a download; returns how many bytes the browser keeps, or ``None`` if it does not answer in time."""
    try:
        async with asyncio.timeout(STOP_WITHIN_S):
            await download.cancel()
            return await download.kept_bytes()
    except (TimeoutError, BrowserLLMError):
        return None


def _can_ask() -> bool:
    return sys.stdin.isatty() and sys.stderr.isatty()


def _check_purpose(catalog: Catalog, purpose: str | None) -> None:
    if purpose is None:
        return
    try:
        check_purpose(purpose, catalog)
    except InvalidRequest as error:
        raise click.BadParameter(error.message, param_hint="--purpose") from error


def _chosen(names: Iterable[str], manager: ModelManager, storage: Storage) -> list[StoredModel]:
    chosen: dict[str, StoredModel] = {}
    for name in names:
        stored = manager.select(name, storage)
        if not stored:
            raise ModelNotDownloaded(
                f"model {name!r} is not on this device; `browserllm models list --downloaded` lists those that are",
                data={"model": name},
            )
        chosen.update({build.key: build for build in stored})
    return list(chosen.values())


def _deleted_text(chosen: Iterable[StoredModel], freed: int) -> str:
    """Return what was deleted: a built-in model loses only the browser's copy."""
    built_in = {card.id for card in Catalog() if any(artifact.bundled for artifact in card.artifacts)}
    copies = [build for build in chosen if build.model in built_in]
    others = [build for build in chosen if build.model not in built_in]
    parts = [f"Deleted {_names(others)}"] if others else []
    if copies:
        parts.append(f"Cleared the browser's copy of {_names(copies)} (built in; it stays usable)")
    return f"{'. '.join(parts) or 'Deleted the files that belonged to no model'}: {size_text(freed)} freed."


def _names(builds: Iterable[StoredModel]) -> str:
    return ", ".join(dict.fromkeys(build.model for build in builds))
