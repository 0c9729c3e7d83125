"""CloudBackend: what all cloud backends share. A subclass adds its wire format: requests, events and errors.

Read `generate` first, then the abstract methods that a wire format implements, then the rest.
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from typing import Any, ClassVar

import msgspec

from ..._internal.arguments import check_kind, check_model
from ..._internal.clock import AnyClock, SystemClock
from ..._internal.http.address import is_loopback
from ..._internal.http.client import HttpClient, HttpRequest, HttpResponse, Timeouts
from ..._internal.http.platform import open_client
from ..._internal.http.secrets import Mask, Secret, hidden_fields, hidden_headers, hidden_key, hidden_url, secrets_in
from ..._internal.identity import Hashed, own_identity
from ...errors import AuthenticationError, BrowserLLMError, InvalidRequest, ProtocolError
from ...types import ChatRequest, Health, ModelInfo, Timings
from ..base import Backend
from ..draft import Draft
from ..facts import BackendFacts
from ..privacy import refusal
from ..request import Prompt, build_request
from ..stream import Delta
from .addresses import PLAIN_ADDRESS_FORMAT, AddressFormat, is_below, with_query
from .environment import ConfiguredAddress, find_address, headers_of, key_of, keys_of
from .failures import ErrorSource, VendorError, failure, quote, read_error_body
from .key_masking import masks_keys
from .local_only import forwarding_risk, is_ollama_cloud_model, merged, remote_location, remote_reference
from .options import SecretArguments, check_timeouts
from .prices import Price, cost_of, estimate_usage, price_of, prices_of
from .reader import Reader, read_answer
from .sse import EventDecoder, ServerSentEvents
from .token_counts import timings_of

MODELS_KEPT_S = 3600.0
"""How long a list of models is cached."""

MAX_PAGES = 50
"""The most pages of models to read."""


class CloudBackend(Backend, ABC):
    """Base class of the backends that answer over HTTP: `OpenAI`, `Anthropic`, `Gemini` and `Ollama`."""

    vendor: str
    """The vendor's name in lower case; also the default name of the backend."""
    default_base_url: str
    key_hosts: tuple[str, ...]
    """The vendor's own hosts, which need a key. The environment's key is sent only to these, and below them."""
    key_variables: tuple[str, ...]
    """The environment variables for the key; the first one that is set is used."""
    url_variables: tuple[str, ...] = ()
    """The environment variables for the base URL, if none is passed. The environment's key is sent there, too: as in
    the vendors' own SDKs, the two variables belong together."""
    header_variables: Mapping[str, str] = {}
    """Environment variables that identify the account, with their headers. They are sent where the key is."""
    address_format: AddressFormat = PLAIN_ADDRESS_FORMAT
    """How to complete a base URL."""
    request_id_header: ClassVar[str] = "x-request-id"

    def __init__(
        self,
        model: str,
        *,
        api_key: str | None = None,
        base_url: str | None = None,
        name: str | None = None,
        headers: Mapping[str, str] | None = None,
        extra_body: Mapping[str, Any] | None = None,
        timeouts: Timeouts = Timeouts(),  # noqa: B008 (it is frozen)
        client: HttpClient | None = None,
        prices: Mapping[str, Price] | None = None,
        leaves_device: bool = True,
        allow_http: bool = False,
        clock: AnyClock | None = None,
    ) -> None:
        """Answer with ``model`` of the API at ``base_url``. Nothing is sent until it is needed.

        Args:
            model: The vendor's model name; a request may name another model.
            api_key: The API key. By default it is read from the environment (``key_variables``), but only for the
                vendor's own hosts and for a base URL from the environment. It is masked in all output.
            base_url: The API's URL: https, or http to this machine. By default it is read from the environment
                (``url_variables``), else it is the vendor's own. Missing parts are added: see `addresses`.
            name: The backend's name in responses and routes.
            headers: Headers for every request; their values are masked like the key.
            extra_body: Fields to add to the body of every chat; they override this backend's, and objects are merged.
            timeouts: How long to wait for the connection, and for data.
            client: The HTTP client, which is closed with this backend. By default the backend opens its own.
            prices: US dollars per million tokens by model; replaces the built-in table.
            leaves_device: ``False`` declares that the server at ``base_url``, a loopback address, keeps requests on
                this device: it then gets private requests, needs no network and costs nothing.
            allow_http: Allow an http URL that is not on this machine.
            clock: The clock for the age of the cached model list.

        Raises:
            InvalidRequest: An argument is not valid.
        """
        # Mask first: tracebacks of later errors may show local variables.
        given = SecretArguments(
            hidden_key(api_key), hidden_headers(headers), hidden_fields(extra_body), hidden_url(base_url)
        )
        del api_key, headers, extra_body, base_url
        given.check()
        check_model("model", model, write="write the vendor's model name, as in OpenAI('gpt-5-mini')")
        check_kind("prices", prices, (Mapping, type(None)), "a dict", write="use {'model': Price(input=1, output=2)}")
        for named, price in (prices or {}).items():
            check_kind(f"prices[{named!r}]", price, Price, "a price", write="use Price(input=1, output=2)")
        if not model:
            raise InvalidRequest(f"model={model!r} is empty; name one of the vendor's models", parameter="model")
        self.model = model
        self._found = self._address(given.url, allow_http=allow_http)
        self.base_url = self._found.url
        self.name = name or self.vendor
        self.timeouts = timeouts
        self.extra_body = given.fields
        if not leaves_device and not is_loopback(self.base_url):
            raise InvalidRequest(
                f"leaves_device=False is not true of base_url={self.base_url!r}: only a server on this machine "
                "(localhost, 127.0.0.1) can keep a request on it",
                parameter="leaves_device",
            )
        check_timeouts(timeouts)
        self.leaves_device = leaves_device
        self.needs_network = leaves_device
        self.clock: AnyClock = clock or SystemClock()
        self._credentials = given.credentials()
        self._mask: tuple[list[Secret], Mask] | None = None
        self._client = client
        self._own_client = client is not None
        self._prices = prices
        self._listed: tuple[float, list[ModelInfo]] | None = None  # when, and what

    def __repr__(self) -> str:
        # Must also work before __init__ has finished, for tracebacks that show local variables.
        name, model, url = (getattr(self, each, "") for each in ("name", "model", "base_url"))
        return f"<{type(self).__name__} {name!r}: {model!r} at {url}>"

    # The answer

    @masks_keys
    async def generate(self, request: ChatRequest, draft: Draft) -> AsyncGenerator[Delta, None]:
        """Send the request and stream the answer."""
        model = draft.model = self._model_sent(request)
        draft.cost_usd = 0.0 if self.keeps_on_device(model) else None
        url = self.chat_url(request.model or self.model)
        body = merged(self.body(request, draft), self.extra_body)
        if request.private:
            await self._check_stays(url, {request.model or self.model, str(body.get("model", model))}, body)
        started_at = time.perf_counter()
        first_at: float | None = None
        response = await self._send("POST", url, msgspec.json.encode(body))
        try:
            source = self._error_source(model, response)
            draft.provider_request_id = source.provider_request_id
            if not 200 <= response.status < 300:
                raise await self._failure(response, source)
            async with aclosing(read_answer(response, self.reader(draft, source), self.decoder())) as deltas:
                async for delta in deltas:
                    first_at = first_at or time.perf_counter()
                    yield delta
            draft.cost_usd = self._cost(model, draft)
            # Prefer the server's own measurements.
            if first_at is not None and draft.timings == Timings():
                draft.timings = timings_of(started_at, first_at, draft.usage.completion_tokens)
        finally:
            await response.aclose()

    # What a wire format says

    @abstractmethod
    def chat_url(self, model: str) -> str:
        """Return the URL for chats."""

    @abstractmethod
    def auth_headers(self, key: Secret) -> dict[str, Secret]:
        """Return the headers that carry the key."""

    @abstractmethod
    def body(self, request: ChatRequest, draft: Draft) -> dict[str, Any]:
        """Return the body of a streaming request; report options that cannot be honoured (`unsupported`). No I/O."""

    @abstractmethod
    def reader(self, draft: Draft, source: ErrorSource) -> Reader:
        """Return a reader for the answer."""

    @abstractmethod
    def read_error(self, body: Any) -> VendorError:
        """Parse an error's body: decoded JSON, or text if it is not JSON."""

    @abstractmethod
    def models_url(self, page: str | None) -> str:
        """Return the URL of the model list; ``page`` is the next page's token from `read_models`."""

    @abstractmethod
    def read_models(self, body: bytes) -> tuple[list[ModelInfo], str | None]:
        """Return the models of one page, and the next page's token. Raises `ValueError` if the body is not a list."""

    def decoder(self) -> EventDecoder:
        """Return a decoder from bytes to events; by default for server-sent events."""
        return ServerSentEvents()

    def fixed_headers(self) -> dict[str, str]:
        """Return headers for every request, besides the key's; by default none."""
        return {}

    def keeps_on_device(self, model: str) -> bool:
        """Return whether a request for this model stays on the device. (A local server may forward some to a cloud.)"""
        return not self.may_leave() and not is_ollama_cloud_model(model)

    def may_leave(self) -> bool:
        """Return whether a private request might leave the device; with a remote URL it always may."""
        return super().may_leave() or not is_loopback(self.base_url)

    async def remote_location(self, model: str) -> str:
        """Ask a server on this machine whether a model runs elsewhere, and where; an empty text if it does not say."""
        return await remote_location(self._send, self.base_url, self.models_url(None), model)

    # What is asked besides answers

    @masks_keys
    async def list_models(self, *, refresh: bool = False) -> list[ModelInfo]:
        """Return the vendor's models; the list is cached for an hour, unless ``refresh`` is set."""
        listed = self._listed
        if listed is None or refresh or self.clock.now_s - listed[0] >= MODELS_KEPT_S:
            models = await self._fetch_models()
            listed = self._listed = (self.clock.now_s, models)
        return list(listed[1])

    @masks_keys
    async def health(self) -> Health:
        """Request the first page of models, which is free and checks the key."""
        try:
            await self._fetch_models(pages=1)
        except BrowserLLMError as error:
            return Health(ok=False, reason=self.mask().text(str(error)))
        return Health(ok=True)

    async def estimate_cost(self, prompt: Prompt, **options: Any) -> float | None:
        """Return the estimated cost in US dollars, or ``None`` if the model's price is unknown.

        The prompt's tokens are estimated from its length (`prices.estimate_usage`). The answer counts as
        ``max_tokens``, or as 500.
        """
        return self._estimate(build_request(prompt, options))

    async def facts(self, request: ChatRequest) -> BackendFacts:
        """Return what is known without a request: where the request would go, and its estimated cost."""
        model = self._model_sent(request)
        leaves_device = not self.keeps_on_device(model)
        why = "this backend leaves the device" if leaves_device else ""
        if request.private and not why:
            why = self._why_passed_on()
            leaves_device = bool(why)
        refusal = f"the request is private, and {why}" if request.private and why else ""
        missing = "" if refusal else self._missing_key_reason()
        return BackendFacts(
            leaves_device=leaves_device,
            needs_network=leaves_device,
            model=model,
            knows_model=self._knows(model),
            available=not (refusal or missing),
            reason=refusal or missing,
            code="authentication" if missing else "unavailable",
            data={"reason": "private"} if refusal else {},
            cost_usd=self._estimate(request),
            context_window=self._context_window(model),
        )

    def identity(self, request: ChatRequest, hashed: Hashed) -> Any:
        """Return the server, the account, and the additions to each request.

        Options that only affect timing, measuring or permissions are left out.
        """
        key = self._key()
        return {
            "vendor": self.vendor,
            "name": self.name,
            "base_url": with_query(self.base_url, self._found.query),
            "model": self.model,
            "key": None if key is None else hashed(key),
            "headers": {name: hashed(value) for name, value in {**self._named(), **self._credentials.headers}.items()},
            "extra_body": self.extra_body,
            # A custom client may send something else, or elsewhere.
            "client": own_identity(self._client) if self._own_client else None,
        }

    async def close(self) -> None:
        """Close the connections."""
        if self._client is not None:
            await self._client.close()

    # Inside

    def _address(self, given: str | None, *, allow_http: bool) -> ConfiguredAddress:
        found = find_address(
            given, self.url_variables, self.address_format, own_hosts=self.key_hosts, allow_http=allow_http
        )
        return found or ConfiguredAddress(self.default_base_url, "", "")

    def mask(self) -> Mask:
        """Return a mask that removes this backend's keys from texts."""
        keys = [self._credentials.key] if self._credentials.key is not None else []
        if not keys and self._takes_key_of_environment():
            keys = keys_of(self.key_variables)
        if self._mask is None or self._mask[0] != keys:
            mask = Mask(
                [*keys, *secrets_in(self._credentials.headers, self.extra_body)], self._credentials.headers.values()
            )
            self._mask = (keys, mask)
        return self._mask[1]

    def _model_sent(self, request: ChatRequest) -> str:
        """Return the model named in the body."""
        added = self.extra_body.get("model")
        return added if isinstance(added, str) and added else request.model or self.model

    def _why_passed_on(self) -> str:
        return forwarding_risk(self.extra_body, self._credentials.headers, self.auth_headers(Secret("")))

    async def _check_stays(self, url: str, models: set[str], body: Mapping[str, Any]) -> None:
        """Raise `Unavailable` unless a private request to these models, as it will be sent, stays on this device."""
        why = self._why_passed_on() or remote_reference(body)
        for model in sorted(models):
            if not is_loopback(url) or not self.keeps_on_device(model):
                why = f"{self.name!r} would send it to {self.base_url}, and {model!r} leaves this device"
            elif not why and (there := await self.remote_location(model)):
                why = f"{self.name!r} would forward it: {model!r} runs at {there}"
        if why:
            raise refusal(self.name, why)

    async def _send(self, method: str, url: str, body: bytes | None = None) -> HttpResponse:
        if self._client is None:
            self._client = open_client()
        headers: dict[str, str] = (
            {"accept": "application/json"} if body is None else {"content-type": "application/json"}
        )
        headers |= self.fixed_headers() | self._named()
        key = self._key()
        if key is not None:
            headers |= self.auth_headers(key)
        elif lack := self._missing_key_reason():
            raise AuthenticationError(lack, data={"backend": self.name})
        headers |= self._credentials.headers
        url = with_query(url, self._found.query)
        return await self._client.send(
            HttpRequest(method=method, url=url, headers=headers, body=body, timeouts=self.timeouts, mask=self.mask())
        )

    async def _failure(self, response: HttpResponse, source: ErrorSource) -> BrowserLLMError:
        error = self.read_error(await read_error_body(response))
        return failure(error, source, status=response.status, headers=response.headers)

    async def _fetch_models(self, pages: int = MAX_PAGES) -> list[ModelInfo]:
        models: list[ModelInfo] = []
        page: str | None = None
        for _ in range(pages):
            response = await self._send("GET", self.models_url(page))
            try:
                if response.status != 200:
                    raise await self._failure(response, self._error_source(self.model, response))
                body = await response.read()
            finally:
                await response.aclose()
            try:
                found, page = self.read_models(body)
            except (ValueError, RecursionError) as error:
                said = quote(body[:1000].decode("utf-8", "replace"), 200)
                raise ProtocolError(f"{self.name!r} sent no list of models ({error}): {said}") from None
            mask = self.mask()
            models += [
                msgspec.structs.replace(each, id=mask.text(each.id), name=mask.text(each.name)) for each in found
            ]
            if page is None:
                break
        return models

    def _error_source(self, model: str, response: HttpResponse) -> ErrorSource:
        return ErrorSource(
            backend=self.name,
            model=model,
            key_name="api_key" if self._credentials.key is not None else self._key_name(),
            provider_request_id=self.mask().value(response.headers.get(self.request_id_header)),
        )

    def _is_vendors_own(self) -> bool:
        return is_below(self.base_url, self.key_hosts)

    def _takes_key_of_environment(self) -> bool:
        """Return whether the environment's key may be sent to the base URL: the vendor's or the environment's."""
        return self._is_vendors_own() or self.base_url == (self._found.of_environment or None)

    def _needs_key(self) -> bool:
        return self._is_vendors_own()

    def _key(self) -> Secret | None:
        if self._credentials.key is not None or not self._takes_key_of_environment():
            return self._credentials.key
        return key_of(self.key_variables)

    def _named(self) -> dict[str, str]:
        return headers_of(self.header_variables) if self._takes_key_of_environment() else {}

    def _missing_key_reason(self) -> str:
        """Return an error message if a key is missing, else an empty text."""
        try:
            missing = self._key() is None and self._needs_key() and not self._credentials.headers
        except InvalidRequest as error:
            return str(error)
        return f"there is no key for {self.name!r}: pass api_key, or set {self._key_name()}" if missing else ""

    def _key_name(self) -> str:
        return " or ".join(self.key_variables) if self._takes_key_of_environment() else "api_key"

    def _knows(self, model: str) -> bool | None:
        """Return whether this backend has such a model, or ``None`` if that is unknown."""
        if model == self.model or self._price(model) is not None:
            return True
        return None if self._listed is None else any(each.id == model for each in self._listed[1])

    def _context_window(self, model: str) -> int | None:
        """Return the context window from the cached list of models, if there is one."""
        return next((each.context_window for each in (self._listed or (0, []))[1] if each.id == model), None)

    def _price(self, model: str) -> Price | None:
        if self._prices is None and not self._is_vendors_own():
            return None
        return price_of(model, prices_of(self.vendor) if self._prices is None else self._prices)

    def _estimate(self, request: ChatRequest) -> float | None:
        model = self._model_sent(request)
        if self.keeps_on_device(model):
            return 0.0
        price = self._price(model)
        return None if price is None else cost_of(estimate_usage(request), price)

    def _cost(self, model: str, draft: Draft) -> float | None:
        if self.keeps_on_device(model):
            return 0.0
        # An alias may have no price, but the model behind it may have one.
        price = self._price(model) or self._price(draft.model or model)
        return None if price is None or not draft.usage.total_tokens else cost_of(draft.usage, price)
