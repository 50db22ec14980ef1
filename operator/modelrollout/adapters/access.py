"""The way into the API server: address, certificates and a token that stays fresh, as an aiohttp session.

kubernetes' own loader reads the kubeconfig or the pod's service account, and knows when a token has to be read or
asked for again. The session asks it before every request, so a session can live as long as the process although a
service account's token lives an hour.
"""

from __future__ import annotations

import asyncio
import os
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
from kubernetes.aio import config as untyped_config
from kubernetes.aio.client.configuration import Configuration
from kubernetes.aio.config.incluster_config import SERVICE_HOST_ENV_NAME, SERVICE_TOKEN_FILENAME

USER_AGENT = "modelrollout"

config: Any = untyped_config  # kubernetes ships no types for it


class NoAccess(Exception):
    """There is no way to an API server from here; the message says what was looked for."""


class Access:
    """Address and credentials of one API server. ``session`` makes sessions that use them."""

    def __init__(self, configuration: Any, refreshing: asyncio.Task[None] | None = None) -> None:
        self._configuration = configuration
        self._refreshing = refreshing
        self._tls = _tls(configuration)

    @property
    def server(self) -> str:
        """``https://host:port``, without a slash at the end."""
        return str(self._configuration.host).rstrip("/")

    def session(self, *, connections: int, timeout: float, connect_timeout: float) -> aiohttp.ClientSession:
        """A session with at most so many connections; times in seconds. The caller closes it."""
        return aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=connections, ssl=self._tls),
            timeout=aiohttp.ClientTimeout(total=timeout, connect=connect_timeout),
            headers={"User-Agent": USER_AGENT},
            proxy=self._configuration.proxy,
            middlewares=(self._authorize,),
        )

    async def close(self) -> None:
        """Stop refreshing."""
        if self._refreshing is not None:
            self._refreshing.cancel()
            await asyncio.gather(self._refreshing, return_exceptions=True)

    async def _authorize(
        self, request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
    ) -> aiohttp.ClientResponse:
        token = await self._configuration.get_api_key_with_prefix("BearerToken")
        if token:
            request.headers["Authorization"] = token
        return await handler(request)


@asynccontextmanager
async def open_access() -> AsyncIterator[Access]:
    """Access by KUBECONFIG when it is set, else by the pod's service account, else by ~/.kube/config.

    Raises NoAccess when none of them is there or the one that is cannot be read.
    """
    access = await _load()
    try:
        yield access
    finally:
        await access.close()


async def _load() -> Access:
    configuration = Configuration()
    try:
        given = os.environ.get("KUBECONFIG")
        if given is None and _in_cluster():
            config.load_incluster_config(client_configuration=configuration)
            return Access(configuration)
        loader = await config.load_kube_config(given, client_configuration=configuration, persist_config=False)
    except (config.ConfigException, OSError) as error:
        raise NoAccess(
            f"no way to a Kubernetes API server: {error}; set KUBECONFIG to a kubeconfig file, or run in a pod"
        ) from error
    return Access(configuration, asyncio.create_task(config.refresh_token(loader, configuration)))


def _in_cluster() -> bool:
    return SERVICE_HOST_ENV_NAME in os.environ and os.path.exists(SERVICE_TOKEN_FILENAME)


def _tls(configuration: Any) -> ssl.SSLContext | bool:
    if not configuration.host.startswith("https"):
        return True
    context = ssl.create_default_context(cafile=configuration.ssl_ca_cert)
    if configuration.cert_file:
        context.load_cert_chain(configuration.cert_file, keyfile=configuration.key_file)
    if not configuration.verify_ssl:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context
