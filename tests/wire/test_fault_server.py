"""The fault-injecting server does what it is told, and nothing else: it is what the tests of downloads stand on."""

from __future__ import annotations

import gzip
import http.client
import time
from collections.abc import Iterator
from email.utils import parsedate_to_datetime

import pytest

from fault_server import Content, Fault, FaultServer

FILE = Content.generated(600_000, seed=1)
DATA = b"".join(FILE.pieces())


@pytest.fixture
def server() -> Iterator[FaultServer]:
    with FaultServer() as server:
        yield server


class Answer:
    """What a client got: ``body`` is what arrived before the connection ended, ``whole`` says if that was all."""

    def __init__(self, server: FaultServer, path: str, method: str = "GET", **headers: str) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=5)
        try:
            connection.request(method, path, headers={name.replace("_", "-"): text for name, text in headers.items()})
            response = connection.getresponse()
            self.status = response.status
            self.headers = {name.lower(): value for name, value in response.getheaders()}
            self.whole = True
            try:
                self.body = response.read()
            except http.client.IncompleteRead as error:
                self.body, self.whole = error.partial, False
        finally:
            connection.close()


def test_generated_content_is_the_same_wherever_reading_begins() -> None:
    """Ten megabytes that repeat within: any piece equals the same bytes of the whole, and the hash is the whole's."""
    content = Content.generated(10_000_000, seed=3)
    whole = b"".join(content.pieces())
    assert len(whole) == content.size == 10_000_000
    for start in (0, 1_048_570, 5_000_001):
        assert b"".join(content.pieces(start)) == whole[start:]
    assert content.digest("md5") == Content(whole).digest("md5")
    assert content.digest() != Content.generated(10_000_000, seed=4).digest()


def test_without_faults_the_server_is_correct(server: FaultServer) -> None:
    """Whole files, HEAD, ranges, If-Range, 404 and 416, CORS for every origin; every request is recorded."""
    server.add("/file", FILE)
    whole = Answer(server, "/file")
    assert (whole.status, whole.body, whole.headers["content-length"]) == (200, DATA, "600000")
    assert whole.headers["accept-ranges"] == "bytes"
    assert whole.headers["access-control-allow-origin"] == "*"
    etag = whole.headers["etag"]
    head = Answer(server, "/file", "HEAD")
    assert (head.status, head.body, head.headers["content-length"]) == (200, b"", "600000")
    for condition, status, start in ((None, 206, 500_000), (etag, 206, 500_000), ('"old"', 200, 0)):
        part = Answer(server, "/file", Range="bytes=500000-", **({"If_Range": condition} if condition else {}))
        assert (part.status, part.body) == (status, DATA[start:])
    assert part.headers.get("content-range") is None
    assert Answer(server, "/file", Range="bytes=600000-").headers["content-range"] == "bytes */600000"
    assert Answer(server, "/nothing").status == 404
    options = Answer(server, "/file", "OPTIONS", Origin="http://a.example")
    assert (options.status, options.headers["access-control-allow-headers"]) == (204, "Range, If-Range")
    assert [(each.status, each.start, each.sent_bytes) for each in server.requests_for("/file")] == [
        (200, 0, 600_000),
        (206, 500_000, 100_000),
        (206, 500_000, 100_000),
        (200, 0, 600_000),
        (416, 0, 0),
    ]
    assert server.sent_bytes("/file") == 1_400_000


def test_a_fault_spoils_the_given_number_of_answers(server: FaultServer) -> None:
    """Twice dropped at byte 100,000, then whole; an answer that begins after that byte is not spoilt."""
    server.add("/file", FILE, Fault(drop_at=100_000, times=2))
    assert Answer(server, "/file", Range="bytes=200000-").body == DATA[200_000:]
    for _ in range(2):
        broken = Answer(server, "/file")
        assert (broken.body, broken.whole) == (DATA[:100_000], False)
    assert Answer(server, "/file").whole
    server.wait_until(lambda: [each.whole for each in server.requests_for("/file")] == [True, False, False, True])


def test_faults_of_ranges_wait_for_a_range(server: FaultServer) -> None:
    """A fault that is about ranges is not spent on an answer with everything, and the end of a cut file is the end."""
    server.add("/file", FILE, Fault(refuse_range=True, times=1))
    assert [Answer(server, "/file", **({"Range": "bytes=9-"} if ranged else {})).status for ranged in (0, 1, 1)] == [
        200,
        416,
        206,
    ]
    server.add("/cut", FILE, Fault(truncate_at=1000))
    assert Answer(server, "/cut", Range="bytes=1000-").headers["content-range"] == "bytes */1000"


def test_faults_join_and_heal(server: FaultServer) -> None:
    """Two faults of a file hold at once, and `heal` takes both away."""
    server.add("/a/file", FILE, Fault(corrupt_at=5), Fault(chunked=True))
    spoilt = Answer(server, "/a/file")
    assert (spoilt.headers.get("content-length"), spoilt.body[5]) == (None, DATA[5] ^ 0xFF)
    assert spoilt.body[:5] + spoilt.body[6:] == DATA[:5] + DATA[6:]
    server.heal("/a/")
    assert Answer(server, "/a/file").body == DATA


@pytest.mark.parametrize(
    ("fault", "status", "body", "whole"),
    [
        (Fault(truncate_at=1000), 200, DATA[:1000], True),
        (Fault(lie_length=7), 200, DATA, False),
        (Fault(lie_length=-7), 200, DATA[:-7], True),
        (Fault(chunked=True, drop_at=1000), 200, DATA[:1000], False),
        (Fault(ignore_range=True), 200, DATA, True),
        (Fault(refuse_range=True), 416, b"", True),
        (Fault(shift_range=10), 206, DATA[20:], True),
        (Fault(status=429, retry_after="3"), 429, b"", True),
        (Fault(content=Content(b"before")), 416, b"", True),
    ],
    ids=lambda value: repr(value).replace("None", "") if isinstance(value, Fault) else None,
)
def test_a_bad_answer(server: FaultServer, fault: Fault, status: int, body: bytes, whole: bool) -> None:
    """Each way to answer badly, for a range from byte 10 where the fault is about ranges."""
    server.add("/file", FILE, fault)
    ranged = fault.ignore_range or fault.refuse_range or fault.shift_range or fault.content
    answer = Answer(server, "/file", **({"Range": "bytes=10-"} if ranged else {}))
    assert (answer.status, answer.body, answer.whole) == (status, body, whole)
    assert answer.headers.get("retry-after") == fault.retry_after


def test_a_connection_can_be_reset_or_held(server: FaultServer) -> None:
    """A reset is an error of the socket; a stall is silence, until the client has enough of it."""
    server.add("/reset", FILE, Fault(reset_at=400_000))
    server.add("/stall", FILE, Fault(stall_at=1000))
    with pytest.raises(ConnectionResetError):
        Answer(server, "/reset")
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=0.2)
    connection.request("GET", "/stall")
    response = connection.getresponse()
    assert response.read(1000) == DATA[:1000]
    with pytest.raises(TimeoutError):
        response.read(1)
    connection.close()


def test_the_server_can_throttle_and_delay(server: FaultServer) -> None:
    """600 kB at 3 MB/s take a fifth of a second, and a slow first byte comes when it is due."""
    server.add("/slow", FILE, Fault(bytes_per_s=3e6))
    server.add("/late", b"x", Fault(first_byte_s=0.1))
    began_s = time.monotonic()
    assert Answer(server, "/slow").body == DATA
    middle_s = time.monotonic()
    assert 0.17 < middle_s - began_s < 1
    assert Answer(server, "/late").body == b"x"
    assert 0.1 <= time.monotonic() - middle_s < 1


def test_validators(server: FaultServer) -> None:
    """Weak ETags are never good enough for If-Range; a date and a strong ETag are; another content has others."""
    for name, kind in (("weak", "etag"), ("date", "last-modified")):
        server.add("/file", FILE, Fault(validator=name))
        told = Answer(server, "/file", "HEAD").headers
        assert {"etag", "last-modified"} & told.keys() == {kind}
        part = Answer(server, "/file", Range="bytes=10-", If_Range=told[kind])
        assert part.status == (200 if name == "weak" else 206)
        if name == "date":
            assert parsedate_to_datetime(told[kind]).year == 2023 or parsedate_to_datetime(told[kind]).year == 2024
        server.add("/file", FILE, Fault(validator=name, content=Content.generated(600_000, seed=9)))
        assert Answer(server, "/file", "HEAD").headers[kind] != told[kind]
    server.add("/file", FILE, Fault(validator="none"))
    assert {"etag", "last-modified"} & Answer(server, "/file", "HEAD").headers.keys() == set()


def test_gzip_has_the_compressed_length_and_no_ranges(server: FaultServer) -> None:
    """As servers compress on the fly: everything at every range, and a weak ETag."""
    server.add("/text", b"a" * 100_000, Fault(gzip=True))
    answer = Answer(server, "/text", Range="bytes=10-")
    assert (answer.status, answer.headers["content-encoding"]) == (200, "gzip")
    assert answer.headers["etag"].startswith("W/")
    assert int(answer.headers["content-length"]) == len(answer.body) < 1000
    assert gzip.decompress(answer.body) == b"a" * 100_000


def test_a_redirect_has_a_token_for_one_answer(server: FaultServer) -> None:
    """A request to the first address succeeds once; the address with the used token is refused."""
    server.add("/signed", FILE, Fault(needs_token=True))
    server.add("/file", FILE, Fault(redirect=server.other_origin + "/signed"))
    first = Answer(server, "/file")
    assert first.status == 302
    target = first.headers["location"].removeprefix(server.other_origin)
    assert [Answer(server, target).status for _ in range(2)] == [200, 403]
    assert Answer(server, "/signed").status == 403
    assert Answer(server, Answer(server, "/file").headers["location"].removeprefix(server.other_origin)).body == DATA


def test_the_server_can_send_retry_after(server: FaultServer) -> None:
    """As a date it is as far ahead as requested, less the fraction of a second that a date cannot express."""
    server.add("/busy", FILE, Fault(status=429, retry_date_s=5))
    told = parsedate_to_datetime(Answer(server, "/busy").headers["retry-after"]).timestamp()
    assert 3.5 < told - time.time() <= 5


def test_the_server_can_omit_cors_headers(server: FaultServer) -> None:
    """And it can refuse only preflights."""
    server.add("/private", FILE, Fault(cors=False))
    server.add("/plain", FILE, Fault(preflight=False))
    assert not [name for name in Answer(server, "/private").headers if name.startswith("access-control")]
    assert Answer(server, "/private", "OPTIONS").status == 403
    assert Answer(server, "/plain", "OPTIONS").status == 403
    assert Answer(server, "/plain").headers["access-control-allow-origin"] == "*"


def test_the_server_can_be_stopped_and_awaited() -> None:
    """After `stop` no connection is accepted; `wait_until` sees bytes as they are sent."""
    with FaultServer() as server:
        server.add("/file", FILE)
        assert Answer(server, "/file").whole
        server.wait_until(lambda: server.sent_bytes() == 600_000)
        server.stop()
        server.stop()
        with pytest.raises(ConnectionRefusedError):
            Answer(server, "/file")
