"""The headers that a built site is best served with, in the file that each common host reads."""

from __future__ import annotations

import json
from typing import Literal, get_args

Host = Literal["netlify", "cloudflare", "vercel", "nginx", "caddy", "apache"]
HOSTS: tuple[Host, ...] = get_args(Host)

HEADERS = {
    # Both isolate the page from others, which threads in WebAssembly need. Safari does not know `credentialless`.
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Embedder-Policy": "require-corp",
    "Cross-Origin-Resource-Policy": "same-origin",
    # The pages carry the rest of their policy; this directive works in a header alone.
    "Content-Security-Policy": "frame-ancestors 'self'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}
"""What every response should have."""

HASHED = "public, max-age=31536000, immutable"
"""For the files in ``assets/``: a changed file has another name."""
OTHERS = "no-cache"
"""For all others: the browser asks whether they have changed."""
ASKED = "public, max-age=0, must-revalidate"
"""What Netlify, Cloudflare Pages and Vercel send by themselves: it means the same as `OTHERS`."""


def host_file(host: Host) -> tuple[str, str]:
    """Return the name and the text of the file that makes ``host`` send the headers."""
    return _FILES[host]


def _headers_file() -> tuple[str, str]:
    # Both hosts join the values of a header that two rules give: one for all files would reach `assets/`.
    common = "".join(f"  {name}: {value}\n" for name, value in HEADERS.items())
    note = f"# All other files: the host sends Cache-Control: {ASKED} by itself.\n"
    return "_headers", f"/*\n{common}\n{note}/assets/*\n  Cache-Control: {HASHED}\n"


def _vercel() -> tuple[str, str]:
    def rule(source: str, headers: dict[str, str]) -> dict[str, object]:
        return {"source": source, "headers": [{"key": key, "value": value} for key, value in headers.items()]}

    rules = [rule("/(.*)", HEADERS), rule("/assets/(.*)", {"Cache-Control": HASHED})]
    return "vercel.json", json.dumps({"headers": rules}, indent=2) + "\n"


def _nginx() -> tuple[str, str]:
    # A location with an `add_header` of its own loses those of the levels above it.
    common = "".join(f'  add_header {name} "{value}" always;\n' for name, value in HEADERS.items())
    return "nginx-headers.conf", (
        "# Include this in a server block: include /path/to/nginx-headers.conf;\n"
        f'location / {{\n{common}  add_header Cache-Control "{OTHERS}" always;\n}}\n'
        f'location ~ /assets/ {{\n{common}  add_header Cache-Control "{HASHED}" always;\n}}\n'
        # Many versions of nginx do not know `.mjs`, and browsers run no module of an unknown type.
        "location ~ \\.mjs$ {\n  types { }\n  default_type text/javascript;\n"
        f'{common}  add_header Cache-Control "{OTHERS}" always;\n}}\n'
    )


def _caddy() -> tuple[str, str]:
    common = "".join(f'\t\t{name} "{value}"\n' for name, value in HEADERS.items())
    return "Caddyfile", (
        "# caddy run --config Caddyfile, in this folder; with your domain instead of :8080, over HTTPS.\n"
        ":8080 {\n\troot * .\n\tfile_server\n"
        f"\theader {{\n{common}\t}}\n"
        f'\t@hashed path */assets/*\n\theader @hashed Cache-Control "{HASHED}"\n'
        f'\t@others not path */assets/*\n\theader @others Cache-Control "{OTHERS}"\n'
        "}\n"
    )


def _apache() -> tuple[str, str]:
    common = "".join(f'  Header always set {name} "{value}"\n' for name, value in HEADERS.items())
    return ".htaccess", (
        "AddType application/wasm .wasm\nAddType text/javascript .mjs\n<IfModule mod_headers.c>\n"
        f'{common}  Header always set Cache-Control "{OTHERS}" "expr=%{{REQUEST_URI}} !~ m#/assets/#"\n'
        f'  Header always set Cache-Control "{HASHED}" "expr=%{{REQUEST_URI}} =~ m#/assets/#"\n</IfModule>\n'
    )


_FILES: dict[Host, tuple[str, str]] = {
    "netlify": _headers_file(),
    "cloudflare": _headers_file(),
    "vercel": _vercel(),
    "nginx": _nginx(),
    "caddy": _caddy(),
    "apache": _apache(),
}
