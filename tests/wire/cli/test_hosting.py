"""The files that make hosts send the site's headers."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from browserllm.cli.build import MARKER, copy_site, next_step
from browserllm.cli.hosting import ASKED, HASHED, HEADERS, HOSTS, OTHERS, Host, host_file

NAMES = {
    "netlify": "_headers",
    "cloudflare": "_headers",
    "vercel": "vercel.json",
    "nginx": "nginx-headers.conf",
    "caddy": "Caddyfile",
    "apache": ".htaccess",
}


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A site of two files."""
    folder = tmp_path / "site"
    (folder / "assets").mkdir(parents=True)
    (folder / "index.html").write_text("<title>site</title>")
    (folder / "assets" / "app-1a2b3c.js").write_text("1")
    return folder


@pytest.mark.parametrize("host", HOSTS)
def test_each_file_has_every_header_and_both_cache_rules(host: Host) -> None:
    """Isolation, the policy that only a header can carry, and immutable files under `assets/` alone."""
    name, text = host_file(host)
    assert name == NAMES[host]
    for header, value in HEADERS.items():
        assert header in text and value in text
    assert text.count(HASHED) == 1
    # The other hosts let browsers ask for changes by themselves; a second rule would be joined to the first.
    assert text.count(OTHERS) == {"nginx": 2, "caddy": 1, "apache": 1}.get(host, 0)
    table = Path(__file__).parents[3] / "docs" / "deploy.md"
    assert all(f"`{value}`" in table.read_text() for value in (HASHED, OTHERS, ASKED))


@pytest.mark.parametrize("host", HOSTS)
def test_the_file_is_written_beside_the_site_and_goes_with_the_next_build(
    site: Path, tmp_path: Path, host: Host
) -> None:
    """It is counted and listed; a build without it takes it away."""
    target = tmp_path / "out"
    count, _ = copy_site(site, target, host=host)
    assert count == 3 and (target / NAMES[host]).read_text() == host_file(host)[1]
    assert NAMES[host] in json.loads((target / MARKER).read_text())
    assert NAMES[host] in next_step(target, host)
    copy_site(site, target)
    assert not (target / NAMES[host]).exists()


def test_vercels_file_is_json_as_it_documents_it() -> None:
    """A list of rules: a source, and headers with key and value."""
    rules = json.loads(host_file("vercel")[1])["headers"]
    assert [rule["source"] for rule in rules] == ["/(.*)", "/assets/(.*)"]
    assert {each["key"]: each["value"] for each in rules[0]["headers"]} == HEADERS


def test_a_headers_file_gives_no_header_in_two_rules() -> None:
    """Netlify and Cloudflare join the values of a header that two rules give."""
    rules = re.split(r"^(?=/)", host_file("netlify")[1], flags=re.MULTILINE)[1:]
    names = [re.findall(r"^  ([\w-]+):", rule, flags=re.MULTILINE) for rule in rules]
    assert [rule.split("\n")[0] for rule in rules] == ["/*", "/assets/*"]
    assert not set(names[0]) & set(names[1])


def check_nginx(folder: Path, *lines: str) -> subprocess.CompletedProcess[str]:
    """Let nginx itself check a server block."""
    nginx = shutil.which("nginx")
    if nginx is None:
        pytest.skip("no nginx here")
    server = f"server {{ listen 127.0.0.1:8099; {' '.join(lines)} }}"
    whole = f"pid {folder}/pid; error_log {folder}/errors; events {{}} http {{ {server} }}"
    (folder / "nginx.conf").write_text(whole)
    command = [nginx, "-t", "-p", str(folder), "-c", str(folder / "nginx.conf")]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_nginx_takes_its_file(tmp_path: Path) -> None:
    """Also changed as docs/deploy.md says for a folder beside other pages; beside another `location /` it fails so."""
    text, page = host_file("nginx")[1], (Path(__file__).parents[3] / "docs" / "deploy.md").read_text()
    (tmp_path / "headers.conf").write_text(text)
    include = f"include {tmp_path}/headers.conf;"
    done = check_nginx(tmp_path, include)
    assert done.returncode == 0, done.stderr
    refused = check_nginx(tmp_path, "location / { root /srv; }", include)
    assert refused.returncode != 0
    assert 'duplicate location "/"' in refused.stderr and '`duplicate location "/"`' in page
    for path, below in (("location /", "location /llm/"), ("location ~ /assets/", "location ~ ^/llm/assets/")):
        assert f"{path} {{" in text and f"`{below}`" in page
        text = text.replace(f"{path} {{", f"{below} {{")
    (tmp_path / "headers.conf").write_text(text)
    done = check_nginx(tmp_path, "location / { root /srv; }", include)
    assert done.returncode == 0, done.stderr


def test_caddy_takes_its_file(tmp_path: Path) -> None:
    """Its own check of the configuration."""
    caddy = shutil.which("caddy")
    if caddy is None:
        pytest.skip("no Caddy here")
    (tmp_path / "Caddyfile").write_text(host_file("caddy")[1])
    command = [caddy, "validate", "--adapter", "caddyfile", "--config", str(tmp_path / "Caddyfile")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
