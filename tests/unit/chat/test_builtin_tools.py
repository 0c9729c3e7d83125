"""The tools that come with it, as models call them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from typing import Any

import msgspec
import pytest

import browserllm as bl
from browserllm._internal.http.client import HttpClient, HttpRequest, HttpResponse
from browserllm._internal.http.guard import HostList, check_public_url, why_not_public
from browserllm.chat.builtin.calculator import evaluate
from browserllm.chat.builtin.fetch import PageFetcher, web_fetch
from browserllm.chat.builtin.page_text import PageReader


async def answer(tool: bl.chat.FunctionTool, **arguments: Any) -> str:
    """What a model reads of a call that worked."""
    result = await bl.chat.Toolbox([tool]).run(call(tool, arguments))
    assert not result.is_error, result.content
    return result.content


async def failure(tool: bl.chat.FunctionTool, **arguments: Any) -> str:
    """What a model reads of a call that did not."""
    result = await bl.chat.Toolbox([tool]).run(call(tool, arguments))
    assert result.is_error, result.content
    return result.content


def call(tool: bl.chat.FunctionTool, arguments: dict[str, Any]) -> bl.ToolCallPart:
    return bl.ToolCallPart("1", tool.tool.name, msgspec.json.encode(arguments).decode())


def test_every_builtin_tool_has_a_name_and_descriptions() -> None:
    """Each is one tool, which describes its purpose and its arguments."""
    tools = [
        bl.chat.builtin.calculator(),
        bl.chat.builtin.clock(),
        bl.chat.builtin.storage(bl.stores.MemoryStore()),
        bl.chat.builtin.todo_list(),
        bl.chat.builtin.web_fetch(),
    ]
    box = bl.chat.Toolbox(tools)
    assert [tool.name for tool in box.tools] == ["calculator", "clock", "storage", "todo_list", "web_fetch"]
    for tool in box.tools:
        assert tool.description
        assert all(each.get("description") for each in tool.parameters["properties"].values())


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("0.1 + 0.2", "0.3"),
        ("1/3", "0.333333333333333"),
        ("1/3*3", "1"),
        ("-7//2", "-4"),
        ("-7 % 3", "2"),
        ("2 ** 100", "1267650600228229401496703205376"),
        ("2^10 \u00d7 2 \u2212 1", "2047"),
        ("2 ** -2", "0.25"),
        ("(-1) ** 99999999999", "-1"),
        ("(1 + 1/365) ** 3650", "21727.3331460767"),
        ("123456789012345678.9 + 0", "123456789012345678.9"),
        ("1_000 * 1e3", "1000000"),
        ("1e-300 * 1e-300", "1E-600"),
        ("10**30 / 3", "333333333333333000000000000000"),
        ("12.50", "12.5"),
        ("sqrt(16/9) * 3", "4"),
        ("sqrt(2) ** 2 == 2", "true"),
        ("0.1 + 0.2 == 0.3", "true"),
        ("1 < 2 < 2", "false"),
        ("1 != 2", "true"),
        ("3 >= 3", "true"),
        ("sin(pi)", "0"),
        ("degrees(\u03c0)", "180"),
        ("log(8, 2) + log2(8) + log10(1000) + ln(e)", "10"),
        ("round(2.5) + round(-2.675, 2)", "0.32"),
        ("round(sqrt(2), 3)", "1.414"),
        ("floor(-2.5) + ceil(2.1)", "0"),
        ("min(3, 1, 2) + max(3, 1) + abs(-1)", "5"),
        ("factorial(20)", "2432902008176640000"),
        ("comb(5, 2) + gcd(12, 18) + lcm(4, 6)", "28"),
        ("hypot(3, 4) + atan2(0, 1)", "5"),
        ("log(9, 3)", "2"),
    ],
)
def test_the_calculator_computes_as_people_expect(expression: str, value: str) -> None:
    """Exactly as long as possible, then with 15 digits; a half is rounded away from zero."""
    assert evaluate(expression) == value


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("9**9**9", "too large"),
        ("2**5000", "too large"),
        ("10.5 ** 400 * pi", "too large"),
        ("factorial(99999999)", "from 0 to 500"),
        ("factorial(2.5)", "2.5 is not a whole number"),
        ("comb(99999, 3)", "from 0 to 4096"),
        ("1e99999", "not a number that the calculator supports"),
        ("1e9999999999", "not a number that the calculator supports"),
        ("1/0", "divides by zero"),
        ("0 ** -1", "divides by zero"),
        ("(-8) ** (1/3)", "root of a negative number"),
        ("sqrt(-1)", "not defined for"),
        ("", "empty"),
        ("1+" * 250, "the limit is 400"),
        ("(" * 41 + "1" + ")" * 41, "nested too deeply"),
        ("-" * 100 + "1", "nested too deeply"),
        ("2**" * 41 + "1", "nested too deeply"),
        ("1,000 + 1", "without commas"),
        ("2 +", "syntax error near"),
        ("5!", "syntax error near"),
        ("x + 1", "unknown name 'x'; the constants are pi"),
        ("import os", "syntax error near"),
        ("__import__(1)", "unknown function '__import__'; use one of abs, acos"),
        ("(1).real", "is not arithmetic"),
        ("open(1)", "unknown function 'open'"),
        ("'a' * 9", "is not allowed in an arithmetic expression"),
        ("[1]*9", "is not allowed in an arithmetic expression"),
        ("1j", "not a number"),
        ("True + 1", "not a number"),
        ("(1 < 2) + 1", "is not arithmetic"),
        ("1 is 1", "compare numbers with"),
        ("1 if 1 else 2", "is not arithmetic"),
        ("1if 1else 2", "is not arithmetic"),
        ("not 1", "is not arithmetic"),
        ("round(1, 999)", "at most 300"),
        ("max()", "takes 1 to 50 numbers, not 0"),
        ("sqrt(1, 2)", "takes 1 numbers, not 2"),
        ("sqrt(x=1)", "takes 1 numbers"),
    ],
)
def test_the_calculator_reports_what_is_wrong(expression: str, message: str) -> None:
    """At once, however large the result would be, and without running anything but arithmetic."""
    with pytest.raises(bl.InvalidRequest, match="not computed: .*" + message.replace("(", r"\(")):
        evaluate(expression)


async def test_models_can_call_the_calculator() -> None:
    """A result is a text; a mistake is a message for the model."""
    assert await answer(bl.chat.builtin.calculator(), expression="6 * 7") == "42"
    assert "divides by zero" in await failure(bl.chat.builtin.calculator(), expression="1 / 0")


async def test_the_clock_tells_the_time() -> None:
    """With the weekday and the offset, in the requested zone."""
    tool = bl.chat.builtin.clock(now=lambda: 1_775_000_000.9)
    assert await answer(tool, zone="UTC") == "Tuesday, 2026-03-31 23:33:20 (UTC+00:00, UTC)"
    assert await answer(tool, zone="-05:30") == "Tuesday, 2026-03-31 18:03:20 (UTC-05:30, -05:30)"
    assert await answer(tool, zone="gmt+2") == "Wednesday, 2026-04-01 01:33:20 (UTC+02:00, gmt+2)"
    assert ", 2026-0" in await answer(tool)


async def test_the_clock_supports_the_zones_of_the_device() -> None:
    """A page may have no zones; then the error says what to use."""
    from zoneinfo import available_timezones

    tool = bl.chat.builtin.clock(now=lambda: 1_775_000_000.0)
    if available_timezones():
        assert await answer(tool, zone="Europe/Berlin") == "Wednesday, 2026-04-01 01:33:20 (UTC+02:00, Europe/Berlin)"
    else:
        assert "no time zone database is installed; use an offset" in await failure(tool, zone="Europe/Berlin")


async def test_a_device_without_zones_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """It does not claim that the zone does not exist."""
    import zoneinfo

    monkeypatch.setattr(zoneinfo, "available_timezones", set)
    said = await failure(bl.chat.builtin.clock(), zone="Atlantis/Capital")
    assert "zone='Atlantis/Capital' is unknown, because no time zone database is installed" in said
    monkeypatch.setattr(zoneinfo, "available_timezones", lambda: {"Europe/Berlin"})
    for zone in ("Atlantis/Capital", "../../etc/passwd", "+99:00", "\0"):
        assert "unknown time zone: zone=" in await failure(bl.chat.builtin.clock(), zone=zone)


async def test_the_clock_counts_days() -> None:
    """Between two dates, or from one date; without a date it uses today."""
    tool = bl.chat.builtin.clock(now=lambda: 1_775_000_000.0)
    said = await answer(tool, action="days_between", date="2024-02-28", other_date="2024-03-01")
    assert said == "2 days from 2024-02-28 (Wednesday) to 2024-03-01 (Friday)"
    said = await answer(tool, action="add_days", date="2026-01-01", days=-1)
    assert said == "2025-12-31 (Wednesday) is -1 days after 2026-01-01 (Thursday)"
    assert "(Tuesday) is 7 days after 2026-03-31" in await answer(tool, action="add_days", days=7, zone="UTC")
    assert "date='tomorrow' is not a date" in await failure(tool, action="add_days", date="tomorrow")
    assert "other_date='' is not a date" in await failure(tool, action="days_between", date="2026-01-01")
    for days in (10**9, 10**18):
        assert "is out of range" in await failure(tool, action="add_days", days=days)


VALUES: list[Any] = ["text", 1, 1.5, True, None, [1, [2]], {"a": {"b": []}}, ""]


async def test_storage_keeps_any_json_value() -> None:
    """It also finds, lists and forgets values; two tools on one store do not see each other's."""
    store = bl.stores.MemoryStore()
    tool, other = bl.chat.builtin.storage(store, prefix="a"), bl.chat.builtin.storage(store, prefix="a.b")
    assert await answer(tool, action="list") == "nothing is kept"
    for number, value in enumerate(VALUES):
        assert await answer(tool, action="remember", key=f"k{number}", value=value) == f"remembered 'k{number}'"
        said = await answer(tool, action="recall", key=f"k{number}")
        assert said == (value if isinstance(value, str) else msgspec.json.encode(value).decode())
    assert await answer(tool, action="list", key="k1") == '["k1"]'
    await answer(other, action="remember", key="k1", value="other")
    assert await answer(tool, action="recall", key="k1") == "1"
    assert await answer(tool, action="forget", key="k1") == "forgot 'k1'"
    assert await answer(tool, action="recall", key="k1") == "nothing is kept as 'k1'"
    assert await answer(other, action="list") == '["k1"]'


async def test_a_storage_key_cannot_leave_its_prefix() -> None:
    """A key that looks like a path is a key like any other."""
    store = bl.stores.MemoryStore()
    await store.put("secret", b'"x"')
    await store.put("memory", b'"y"')
    tool = bl.chat.builtin.storage(store)
    for key in ("../secret", "/secret", "secret", "..", "memory", "*"):
        assert await answer(tool, action="recall", key=key) == f"nothing is kept as {key!r}"
        await answer(tool, action="remember", key=key, value=1)
        await answer(tool, action="forget", key=key)
    assert await store.items() == [("memory", b'"y"'), ("secret", b'"x"')]
    for key in ("", "a\nb", "\0", "k" * 129):
        assert "is not valid" in await failure(tool, action="recall", key=key)
    for prefix in ("", "a/b", "a" * 65, "\u00fc"):
        with pytest.raises(bl.InvalidRequest, match="prefix="):
            bl.chat.builtin.storage(store, prefix=prefix)


async def test_storage_is_bounded() -> None:
    """Size, total size and number of values are limited; stored values can still be changed and forgotten."""
    store = bl.stores.MemoryStore()
    tool = bl.chat.builtin.storage(store, max_entries=3, max_value_bytes=10, max_bytes=20)
    assert "the limit is 10" in await failure(tool, action="remember", key="a", value="x" * 9)
    for key in "ab":
        await answer(tool, action="remember", key=key, value="x" * 8)
    assert "it has 2 values of 20 bytes" in await failure(tool, action="remember", key="c", value=1)
    await answer(tool, action="remember", key="a", value=1)
    await answer(tool, action="remember", key="c", value=1)
    assert "the memory is full" in await failure(tool, action="remember", key="d", value=1)
    await answer(tool, action="forget", key="b")
    await answer(tool, action="remember", key="d", value=1)
    results = await asyncio.gather(*(answer(tool, action="forget", key=key) for key in "acd"))
    assert len(results) == 3
    box = bl.chat.Toolbox([tool])
    many = [box.run(call(tool, {"action": "remember", "key": key, "value": 1})) for key in "pqrstu"]
    assert sorted(result.is_error for result in await asyncio.gather(*many)) == [False] * 3 + [True] * 3
    assert len(await store.items()) == 3


async def test_storage_reports_a_value_that_is_not_json() -> None:
    """Such a value is an error, and can be forgotten."""
    store = bl.stores.MemoryStore()
    await store.put("memory/a", b"\xff")
    await store.put("memory/b", b"[" * 100_000)
    tool = bl.chat.builtin.storage(store)
    for key in "ab":
        assert "is not JSON" in await failure(tool, action="recall", key=key)
        await answer(tool, action="forget", key=key)


async def test_the_todo_list_returns_its_items_after_each_action() -> None:
    """Ids stay the same, also after a restart with the same store."""
    store = bl.stores.MemoryStore()
    tool = bl.chat.builtin.todo_list(store)
    assert await answer(tool) == "the list is empty"
    assert await answer(tool, action="add", text=" buy\n milk ") == "1. [ ] buy milk"
    await answer(tool, action="add", text="cook")
    assert await answer(tool, action="complete", id=1) == "1. [x] buy milk\n2. [ ] cook"
    assert await answer(tool, action="remove", id=2) == "1. [x] buy milk"
    again = bl.chat.builtin.todo_list(store)
    assert await answer(again, action="add", text="eat") == "1. [x] buy milk\n3. [ ] eat"
    assert "there is no item 2; the items are: 1, 3" in await failure(again, action="remove", id=2)
    assert await answer(again, action="clear") == "the list is empty"
    assert "none so far" in await failure(again, action="complete", id=1)


async def test_the_todo_list_is_bounded_and_loses_nothing() -> None:
    """Concurrent calls do not undo each other; the number and the length of the items are limited."""
    tool = bl.chat.builtin.todo_list(max_items=5)
    box = bl.chat.Toolbox([tool])
    calls = [call(tool, {"action": "add", "text": f"t{number}"}) for number in range(7)]
    results = await asyncio.gather(*map(box.run, calls))
    assert sorted(result.is_error for result in results) == [False] * 5 + [True] * 2
    assert len((await answer(tool)).splitlines()) == 5
    for text in ("", "   ", "x" * 301):
        assert "use 1 to 300" in await failure(tool, action="add", text=text)


async def test_a_damaged_todo_list_is_not_deleted_silently() -> None:
    """It is an error until the list is cleared."""
    store = bl.stores.MemoryStore()
    await store.put("todo/list", b'{"items": 3}')
    tool = bl.chat.builtin.todo_list(store)
    assert "another program wrote it" in await failure(tool, action="add", text="x")
    await answer(tool, action="clear")
    assert await answer(tool, action="add", text="x") == "1. [ ] x"


# Web fetch: the rules for addresses, and a page's way to fetch. Over sockets: tests/wire/chat/test_web_fetch.py.


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("http://example.com/", "is not https"),
        ("example.com", "is not https"),
        ("javascript:alert(1)", "is not https"),
        ("https://", "has no host"),
        ("https:/example.com/", "has no host"),
        ("https://user:key@example.com/", "a user or a password"),
        ("https://example.com:8443/", "only 443"),
        ("https://example.com:99999/", "is not a valid address"),
        ("https://exa mple.com/", "a space"),
        ("https://example.com\\@127.0.0.1/", "a backslash"),
        ("https://example.com/\n", "a control character"),
        ("https://localhost/", "a host of a local network"),
        ("https://intranet/", "a host of a local network"),
        ("https://printer.local./", "a host of a local network"),
        ("https://metadata.google.internal/", "a host of a local network"),
        ("https://a.LOCALHOST/", "a host of a local network"),
        ("https://router.home.arpa/", "a host of a local network"),
        ("https://127.0.0.1/", "not public: loopback"),
        ("https://127.1/", "unusual spelling"),
        ("https://2130706433/", "unusual spelling"),
        ("https://0x7f000001/", "unusual spelling"),
        ("https://0177.0.0.1/", "unusual spelling"),
        ("https://example.0x/", "unusual spelling"),
        ("https://1.2.3.4.5/", "unusual spelling"),
        ("https://\uff11\uff12\uff17.0.0.1/", "not public: loopback"),
        ("https://169.254.169.254/latest/meta-data/", "not public: link-local"),
        ("https://100.64.0.1/", "not public: shared"),
        ("https://192.88.99.1/", "not public: reserved"),
        ("https://[::1]/", "not public: loopback"),
        ("https://[::]/", "not public: unspecified"),
        ("https://[::ffff:192.168.0.1]/", "not public: private"),
        ("https://[64:ff9b::a00:1]/", "not public: private"),
        ("https://[2002:a00:1::1]/", "not public: a tunnel"),
        ("https://[2001:0:a00:1::1]/", "not public: reserved"),
        ("https://[fd00::1]/", "not public: private"),
        ("https://[fe80::1%25eth0]/", "unusual spelling|not public: link-local"),
        ("https://[ff02::1]/", "not public: multicast"),
        ("https://[64:ff9b:1::1]/", "not public: reserved"),
        ("https://[::1/", "is not a valid address"),
        ("https://%31%32%37.0.0.1/", "unusual spelling"),
        ("https://%65xample.com/", "invalid host name"),
        ("https://a..example.com/", "invalid host name"),
        ("https://-a.example.com/", "invalid host name"),
        ("https://" + "a" * 64 + ".example.com/", "invalid host name"),
        ("https://" + "a." * 127 + "example.com/", "too long"),
        ("https://\u00fc" + "b" * 70 + ".example.com/", "invalid host name"),
        ("https://example.com/" + "a" * 4096, "more than 4096"),
    ],
)
def test_an_address_that_is_not_plainly_public_is_refused(url: str, message: str) -> None:
    """By its text alone, before any name is resolved."""
    with pytest.raises(bl.InvalidRequest, match=f"not fetched: .*({message})"):
        check_public_url(url)


@pytest.mark.parametrize(
    ("url", "sent"),
    [
        ("https://example.com", "https://example.com/"),
        ("HTTPS://Example.COM.:443/a b#c".replace(" ", "%20"), "https://example.com/a%20b"),
        (
            "https://b\u00fccher.example/\u00fc?q=\u00fc&r=[1]",
            "https://xn--bcher-kva.example/%C3%BC?q=%C3%BC&r=%5B1%5D",
        ),
        ("https://93.184.216.34/", "https://93.184.216.34/"),
        ("https://[2606:4700:0:0::1111]/", "https://[2606:4700::1111]/"),
        ("https://[64:ff9b::5db8:d822]/", "https://[64:ff9b::5db8:d822]/"),
        ("https://a_b.example.com/", "https://a_b.example.com/"),
    ],
)
def test_a_public_address_is_normalised(url: str, sent: str) -> None:
    """The result has one spelling, which every later reader parses alike."""
    assert check_public_url(url).url == sent


def test_only_hosts_of_the_list_are_allowed() -> None:
    """Names, subdomains and ports; no entry makes a private address public."""
    allow = HostList(["example.com", "*.example.org", "Example.net:8443", "[2606:4700::1111]"])
    assert str(allow) == "example.com, *.example.org, example.net:8443, 2606:4700::1111"
    for url in ("example.com/", "a.b.example.org/", "example.net:8443/x", "[2606:4700::1111]/"):
        assert check_public_url(f"https://{url}", allow).url == f"https://{url}"
    for url in (
        "www.example.com",
        "example.org",
        "example.net",
        "example.com:8443",
        "badexample.org",
        "example.com.de",
    ):
        with pytest.raises(bl.InvalidRequest, match=r"is not an allowed host; allowed are: example\.com, "):
            check_public_url(f"https://{url}/", allow)
    with pytest.raises(bl.InvalidRequest, match="allowed are: none"):
        check_public_url("https://example.com/", HostList([]))
    for entry in ("https://example.com", "a b", "example.com:0", "example.com:99999", "", "127.0.0.1", "localhost", 3):
        with pytest.raises(bl.InvalidRequest, match="allow contains"):
            HostList([entry])  # type: ignore[list-item]
    with pytest.raises(bl.InvalidRequest, match="is a string"):
        web_fetch(allow="example.com")


def test_a_text_that_is_not_an_ip_address_is_not_public() -> None:
    """Whatever a resolver returns."""
    assert why_not_public("example.com") == "not an IP address"
    assert why_not_public("8.8.8.8") == ""


@pytest.mark.parametrize("name", ["max_bytes", "max_chars", "timeout_s", "max_redirects"])
def test_limits_below_zero_are_refused(name: str) -> None:
    """A limit of nothing would fetch nothing."""
    with pytest.raises(bl.InvalidRequest, match=f"{name}=-1 is out of range"):
        web_fetch(**{name: -1})


class Body(HttpResponse):
    """An answer whose body is there."""

    def __init__(self, status: int, body: bytes = b"", **headers: str) -> None:
        self.status = status
        self.headers = headers
        self.body = body
        self.closed = False

    async def chunks(self) -> AsyncGenerator[bytes, None]:
        yield self.body

    async def aclose(self) -> None:
        self.closed = True


class PageClient(HttpClient):
    """A page's way out: it chooses no address, and sees of a redirect only that there is one."""

    def __init__(self, answer: Body) -> None:
        self.answer = answer
        self.requests: list[HttpRequest] = []

    async def send(self, request: HttpRequest) -> HttpResponse:
        self.requests.append(request)
        return self.answer

    async def close(self) -> None:
        """Nothing to close."""


async def test_a_page_fetches_without_resolving_names() -> None:
    """The browser connects; an address with a private spelling is still refused."""
    client = PageClient(Body(200, b"hello", **{"content-type": "text/plain"}))
    fetcher = PageFetcher(client, None, max_bytes=100, timeout_s=5, max_redirects=5)
    assert (await fetcher.get("https://example.com/")).text == "hello"
    assert (client.requests[0].address, client.answer.closed) == (None, True)
    with pytest.raises(bl.InvalidRequest, match="not public"):
        await fetcher.get("https://192.168.0.1/")
    assert len(client.requests) == 1


async def test_a_page_reports_that_it_cannot_follow_a_redirect() -> None:
    """Browsers do not report the target of a redirect."""
    fetcher = PageFetcher(PageClient(Body(302)), None, max_bytes=100, timeout_s=5, max_redirects=5)
    with pytest.raises(bl.errors.Unsupported, match="which browsers do not report; fetch the final address"):
        await fetcher.get("https://example.com/")


def read(html: str) -> PageReader:
    """A page that was read."""
    reader = PageReader(html, "https://example.com/a/")
    for _ in reader.steps():
        pass
    return reader


def test_html_becomes_text() -> None:
    """Headings, lists, tables, full links, preformatted text; no scripts, styles, comments or navigation."""
    page = read(
        "<!DOCTYPE html><html><head><title>A &amp;\n B</title><style>p{}</style><script>if (a<b) '</p>'</script>"
        "<nav>menu <nav>x</nav><a href=/>home</a></nav></head><body><h1>Head <i>line</i></h1><!-- <p>no --><p>One &lt; "
        'two&nbsp; <a class="x" href="b?c=1&amp;d">link</a>, <a href="#top">top</a>.<br>Next<ul><li>x<li><b>y</b></ul>'
        "<table><tr><td>1<td>2<tr><td>3</table><pre>a\n  b</pre><textarea>t<b></textarea></body> 1 < 2 <svg>no</svg>"
    )
    assert page.title == "A & B"
    assert page.text == (
        "# Head line\n\nOne < two [link](https://example.com/a/b?c=1&d), top.\nNext\n\n- x\n- y\n\n | 1 | 2\n | 3\n\n"
        "a\n  b\n\nt<b>\n\n1 < 2"
    )


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("", ""),
        ("plain", "plain"),
        ("a<b", "a"),
        ("a<!-- b", "a"),
        ("a<!-->b", "ab"),
        ("a</b", "a"),
        ("a<?x>b</>c<!y>d", "abcd"),
        ('a<p x="b', "a"),
        ("<script>a", ""),
        ("<title>a", ""),
        ("<p>a<nav>b<p>c", "a\n\nb\n\nc".replace("\n\nb", "b")),
        ("&#" + "9" * 5000 + ";&#x" + "f" * 5000 + ";&amp;", "\ufffd\ufffd&"),
        (
            "<a href='javascript:x'>a</a> <a href='https://[x'>b</a> <a href='x)y'>c</a> <a href=" + "x" * 501 + ">d",
            "a b c d",
        ),
        ("<base href=/z/><a href=y>a</a>", "[a](https://example.com/z/y)"),
        ("<a href=y>a<a href=z>b", "[a](https://example.com/a/y)[b](https://example.com/a/z)"),
        ("<a/href=y / c=d>a</a>", "[a](https://example.com/a/y)"),
    ],
)
def test_broken_html_is_read_as_far_as_possible(html: str, text: str) -> None:
    """It never raises, and an unclosed menu does not hide the rest of the page."""
    assert read(html).text == text


@pytest.mark.parametrize("piece", ["<a b=", '<a b="', "<!--", "<", "</a", "<a ", "<script>", "&#x", "<nav>", "<pre> "])
async def test_malformed_html_is_read_in_linear_time(piece: str) -> None:
    """Input that takes `html.parser` minutes is read within a test's time limit, and yields to the event loop."""
    tags = 200_000 // len(piece)
    reader = PageReader(piece * tags, "https://example.com/")
    # Twice over, where something without an end was left out at first.
    assert sum(1 for _ in reader.steps()) <= 2 * tags // 500 + 1
