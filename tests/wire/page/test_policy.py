"""The pages' Content-Security-Policy: in our servers' headers, and in built pages that other servers serve."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from browserllm.cli.build import copy_site
from browserllm.page.serving.policy import chat_policy, host_policy, meta_policy

WEB = Path(__file__).parents[3] / "web"


def directives(policy: str) -> dict[str, list[str]]:
    """Return the sources of each directive."""
    named = [directive.split() for directive in policy.split("; ")]
    assert len({name for name, *_ in named}) == len(named), "a directive is there twice, of which the second is ignored"
    return {name: sources for name, *sources in named}


@pytest.mark.parametrize("policy", [meta_policy(), chat_policy(), host_policy(["page.test"])])
def test_only_the_sites_scripts_run_and_nothing_is_evaluated(policy: str) -> None:
    """Everything else is forbidden: no eval, no frames, no other base URL."""
    found = directives(policy)
    assert found["default-src"] == ["'none'"]
    assert set(found["script-src"]) == {"'self'", "'wasm-unsafe-eval'", "blob:"}
    assert found["base-uri"] == found["form-action"] == ["'none'"]
    assert "'unsafe-inline'" not in policy and "'unsafe-eval'" not in policy
    assert not {"frame-src", "child-src", "object-src"} & found.keys()


def test_a_launched_page_may_only_open_a_socket_to_its_own_host() -> None:
    """The chat page may open none; neither may be framed."""
    sockets = [source for source in directives(host_policy(["page.test"]))["connect-src"] if source.startswith("ws")]
    assert sockets == ["ws://page.test"]
    assert not [source for source in directives(chat_policy())["connect-src"] if source.startswith(("ws", "*"))]
    for policy in (chat_policy(), host_policy(["page.test"])):
        assert directives(policy)["frame-ancestors"] == ["'none'"]


@pytest.mark.parametrize("name", ["index.html", "python.html", "notebook.html"])
def test_each_built_page_carries_the_policy_before_anything_it_loads(name: str) -> None:
    """It is a meta tag, without the directives that browsers ignore there."""
    text = (WEB / name).read_text()
    found = re.findall(r'<meta http-equiv="Content-Security-Policy" content="([^"]+)" />', text)
    assert found == [meta_policy()]
    assert "frame-ancestors" not in found[0]
    assert text.index("http-equiv") < min(text.index("<link"), text.index("<script"))


def test_a_built_site_has_no_host_page(site: Path, tmp_path: Path) -> None:
    """Neither the page nor the files that only it loads; those of an older release are deleted."""
    (site / "assets" / "entry-host-1a2b.js").touch()
    (site / "assets" / "entry-host-1a2b.css").touch()
    target = tmp_path / "out"
    copy_site(site, target)
    names = {path.relative_to(target).as_posix() for path in target.rglob("*") if path.is_file()}
    assert "index.html" in names and "assets/engine.mjs" in names
    assert not [name for name in names if "host" in name]
    (target / "host.html").touch()
    (target / "browserllm-site.json").write_text('["host.html"]')
    copy_site(site, target)
    assert not (target / "host.html").exists()
