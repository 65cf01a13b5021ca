"""The closed way out to the provider: https, no redirects, no proxies, in limited time and size."""

import time
from typing import Any
from urllib.parse import urlsplit

import requests
from authlib.integrations.requests_client import OAuth2Session
from requests.adapters import HTTPAdapter

from mes.people.oidc.model import Client

CONNECT_S, READ_S, WHOLE_S = 3.0, 5.0, 10.0
MAX_BYTES = 256 * 1024
LOOPBACK = ("127.0.0.1", "localhost", "::1")


class ClosedDoorError(requests.RequestException):  # type: ignore[misc]  # requests carries no types here
    """An address or answer that this site does not take; counts as a provider that was not reached."""


class ClosedAdapter(HTTPAdapter):  # type: ignore[misc]  # nor does its adapter
    """Sends requests to https addresses, or to http on this machine, and reads a bounded answer whole."""

    def send(self, request: Any, **given: Any) -> Any:
        """Send with our own limits, whatever was given; ClosedDoorError for what is too slow, too long or elsewhere."""
        check_address(str(request.url))
        until = time.monotonic() + WHOLE_S
        # "identity": a small packed answer must not unpack to gigabytes
        request.headers["Accept-Encoding"] = "identity"
        response = super().send(request, stream=True, timeout=(CONNECT_S, READ_S), verify=True, cert=None, proxies=None)
        body = b""
        for part in response.iter_content(8192):
            body += part
            if len(body) > MAX_BYTES or time.monotonic() > until:
                response.close()
                raise ClosedDoorError("too long or too slow")
        response._content = body
        return response


def check_address(url: str) -> None:
    """Raise ClosedDoorError for an address that is neither https nor on this machine."""
    parts = urlsplit(url)
    if parts.username or parts.password or not parts.hostname:
        raise ClosedDoorError("address")
    if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in LOOPBACK):
        raise ClosedDoorError("address")


def closed_session(client: Client) -> OAuth2Session:
    """Return a session with the provider that can do nothing else."""
    session = OAuth2Session(
        client.client_id, client.secret or None, redirect_uri=client.redirect_uri, scope="openid",
        token_endpoint_auth_method="client_secret_basic" if client.secret else "none",
        code_challenge_method="S256",
    )  # fmt: skip
    session.trust_env = False  # neither proxies nor passwords of the machine's user
    session.max_redirects = 0
    session.mount("https://", ClosedAdapter())
    session.mount("http://", ClosedAdapter())
    return session
