"""The provider as this site meets it: what it says of itself, its keys, and a code turned into who came in."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from threading import Lock
from typing import Any

import requests
from authlib.common.errors import AuthlibBaseError
from joserfc import jwk
from joserfc.errors import JoseError

from mes.people.oidc.fetching import check_address, closed_session
from mes.people.oidc.flows import Flow
from mes.people.oidc.model import Cause, Client, SignInRefused
from mes.people.oidc.tokens import UnknownKeyError, check_token

DISCOVERY = "/.well-known/openid-configuration"
KEPT_S = 10 * 60
PATIENCE_S, PAUSE_S = 2.0, 15.0
NEEDED = ("authorization_endpoint", "token_endpoint", "jwks_uri")


@dataclass(frozen=True, slots=True)
class Known:
    """What the provider says of itself, good until a wall time."""

    endpoints: Mapping[str, str]
    keys: jwk.KeySet
    until: float


class Provider:
    """One provider; asks it again after ten minutes, or at once for a key that it did not name before."""

    def __init__(self, client: Client, wall: Callable[[], float]) -> None:
        self.client = client
        self._wall = wall
        self._lock = Lock()
        self._known: Known | None = None
        self._failed_at: float | None = None

    def authorization_url(self, state: str, flow: Flow) -> str:
        """Return where the browser asks; SignInRefused (unreachable) if the provider says nothing usable of itself."""
        endpoint = self._know().endpoints["authorization_endpoint"]
        with closed_session(self.client) as session:
            url, _ = session.create_authorization_url(
                endpoint, state=state, code_verifier=flow.verifier, nonce=flow.nonce
            )
        return str(url)

    def who(self, code: str, flow: Flow) -> str:
        """Turn a code into what the provider calls the person; SignInRefused with its cause."""
        known = self._know()
        token = self._exchange(known, code, flow)
        try:
            return check_token(token, known.keys, self.client, flow.nonce, self._wall())
        except UnknownKeyError:
            keys = self._know(anew=True).keys
        try:
            return check_token(token, keys, self.client, flow.nonce, self._wall())
        except UnknownKeyError as error:
            raise SignInRefused(Cause.TOKEN) from error

    def _exchange(self, known: Known, code: str, flow: Flow) -> object:
        try:
            with closed_session(self.client) as session:
                answer = session.fetch_token(
                    known.endpoints["token_endpoint"], grant_type="authorization_code", code=code,
                    code_verifier=flow.verifier,
                )  # fmt: skip
        except requests.RequestException as error:
            raise SignInRefused(Cause.UNREACHABLE) from error
        except (AuthlibBaseError, ValueError) as error:
            raise SignInRefused(Cause.DECLINED) from error
        return answer.get("id_token")

    def _know(self, *, anew: bool = False) -> Known:
        """Return what the provider said of itself; one thread asks, and a failure is not repeated at once.

        The door is open to strangers: they must not keep this site's threads waiting for a provider that is away.
        """
        if not self._lock.acquire(timeout=PATIENCE_S):
            raise SignInRefused(Cause.UNREACHABLE)
        try:
            now = self._wall()
            if self._known is not None and not anew and now <= self._known.until:
                return self._known
            if self._failed_at is not None and 0 <= now - self._failed_at < PAUSE_S:
                raise SignInRefused(Cause.UNREACHABLE)
            self._failed_at = now  # unless what follows succeeds
            self._known = self._asked()
            self._failed_at = None
            return self._known
        finally:
            self._lock.release()

    def _asked(self) -> Known:
        try:
            with closed_session(self.client) as session:
                told = _document(session, self.client.issuer.rstrip("/") + DISCOVERY)
                if told.get("issuer") != self.client.issuer:  # else one provider could speak for another
                    raise SignInRefused(Cause.UNREACHABLE)
                endpoints = {name: str(told[name]) for name in NEEDED}
                for url in endpoints.values():
                    check_address(url)
                keys = jwk.KeySet.import_key_set(_document(session, endpoints["jwks_uri"]))  # type: ignore[arg-type]
        except (requests.RequestException, JoseError, ValueError, KeyError, TypeError) as error:
            raise SignInRefused(Cause.UNREACHABLE) from error
        return Known(endpoints, keys, self._wall() + KEPT_S)


def _document(session: Any, url: str) -> dict[str, Any]:
    response = session.get(url, withhold_token=True)
    response.raise_for_status()
    found = response.json()
    if not isinstance(found, dict):
        raise ValueError("no document")
    return found
