"""A small real OpenID Connect provider on loopback (Authlib's server side on Flask), and how it misbehaves."""

import base64
import hashlib
import hmac
import json
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

from authlib.integrations.flask_oauth2 import AuthorizationServer
from authlib.oauth2.rfc6749 import ClientMixin, grants
from authlib.oauth2.rfc7636 import CodeChallenge
from authlib.oidc.core.grants import OpenIDCode
from flask import Flask, Response, jsonify, redirect
from joserfc import jwk, jwt
from joserfc.jws import JWSRegistry
from werkzeug.serving import make_server

CLIENT, SECRET = "septima-site", "a secret of the client"


class TheClient(ClientMixin):
    """The one client that this provider knows."""

    def __init__(self, redirect_uri: str) -> None:
        self.redirect_uri = redirect_uri

    def get_client_id(self) -> str:
        return CLIENT

    def get_default_redirect_uri(self) -> str:
        return self.redirect_uri

    def get_allowed_scope(self, scope: str) -> str:
        return scope

    def check_redirect_uri(self, redirect_uri: str) -> bool:
        return redirect_uri == self.redirect_uri

    def check_client_secret(self, client_secret: str) -> bool:
        return client_secret == SECRET

    def check_endpoint_auth_method(self, method: str, endpoint: str) -> bool:
        return method == "client_secret_basic"

    def check_response_type(self, response_type: str) -> bool:
        return response_type == "code"

    def check_grant_type(self, grant_type: str) -> bool:
        return grant_type == "authorization_code"


@dataclass
class Code:
    """An authorisation code that waits to be exchanged."""

    code: str
    user: str
    redirect_uri: str
    nonce: str
    code_challenge: str
    code_challenge_method: str
    scope: str = "openid"

    def get_redirect_uri(self) -> str:
        return self.redirect_uri

    def get_scope(self) -> str:
        return self.scope

    def get_nonce(self) -> str:
        return self.nonce

    def get_auth_time(self) -> None:
        return None


@dataclass
class Provider:
    """What tests turn: who signs in there, what is changed in a token, and how the provider answers."""

    issuer: str
    user: str = "u-4711"
    claims: Callable[[dict[str, Any]], dict[str, Any]] = lambda claims: claims
    algorithm: str = "RS256"
    forge: Callable[[dict[str, Any], dict[str, Any]], str] | None = None
    discovery: Callable[[dict[str, Any]], Any] = lambda told: told
    token_answer: Callable[[Response], Response] = lambda answer: answer
    keys: dict[str, Any] = field(default_factory=dict)
    codes: dict[str, Code] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    tokens: list[str] = field(default_factory=list)

    def fresh_keys(self, generation: int = 1) -> None:
        """Make a key of each kind, named by generation."""
        self.keys = {
            "RS256": jwk.RSAKey.generate_key(2048, {"kid": f"rsa-{generation}"}),
            "ES256": jwk.ECKey.generate_key("P-256", {"kid": f"ec-{generation}"}),
            "Ed25519": jwk.OKPKey.generate_key("Ed25519", {"kid": f"ed-{generation}"}),
        }

    def published(self) -> dict[str, Any]:
        """Return the public keys."""
        return {"keys": [key.as_dict(private=False) for key in self.keys.values()]}

    def id_token(self, code: Code) -> str:
        """Return the token for a code, honest unless a test turned something."""
        now = int(time.time())
        told = {"iss": self.issuer, "sub": code.user, "aud": CLIENT, "iat": now, "exp": now + 300, "nonce": code.nonce}
        told = self.claims(told)
        key = self.keys.get(self.algorithm)
        header = {"alg": self.algorithm, **({"kid": key.kid} if key else {})}
        made = self.forge(header, told) if self.forge else self.signed(header, told, key)
        self.tokens.append(made)
        return made

    @staticmethod
    def signed(header: dict[str, Any], claims: dict[str, Any], key: Any) -> str:
        """Sign with any algorithm, also one that nobody should take."""
        return jwt.encode(header, claims, key, registry=JWSRegistry(algorithms=["RS256", "ES256", "Ed25519", "HS256"]))

    def sign_in(self, url: str) -> tuple[str, str]:
        """Do what a browser does at the provider: sign in there, and return the code and state it is sent back with."""
        import requests

        answer = requests.get(url, allow_redirects=False, timeout=10)
        assert answer.status_code == 302, answer.text
        back = parse_qs(urlsplit(answer.headers["Location"]).query)
        return back.get("code", [""])[0], back["state"][0]


def unsigned(header: dict[str, Any], claims: dict[str, Any]) -> str:
    """Return a token without a signature (alg none)."""
    return ".".join((_part({**header, "alg": "none"}), _part(claims), ""))


def with_shared_secret(header: dict[str, Any], claims: dict[str, Any], secret: bytes) -> str:
    """Return a token under HS256, made by hand: libraries refuse to take a public key for a secret."""
    told = f"{_part({**header, 'alg': 'HS256'})}.{_part(claims)}"
    mac = hmac.new(secret, told.encode(), hashlib.sha256).digest()
    return f"{told}.{base64.urlsafe_b64encode(mac).decode().rstrip('=')}"


def _part(document: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(document).encode()).decode().rstrip("=")


def application(provider: Provider, redirect_uri: str) -> Flask:
    """Return the provider's web application."""
    app, client = Flask("provider"), TheClient(redirect_uri)
    server = AuthorizationServer()

    class CodeGrant(grants.AuthorizationCodeGrant):
        TOKEN_ENDPOINT_AUTH_METHODS = ("client_secret_basic",)

        def save_authorization_code(self, code: str, request: Any) -> None:
            told = request.payload.data
            provider.codes[code] = Code(
                code, request.user, told["redirect_uri"], told.get("nonce", ""), told.get("code_challenge", ""),
                told.get("code_challenge_method", ""),
            )  # fmt: skip

        def query_authorization_code(self, code: str, client: Any) -> Code | None:
            return provider.codes.get(code)

        def delete_authorization_code(self, authorization_code: Code) -> None:
            provider.codes.pop(authorization_code.code, None)

        def authenticate_user(self, authorization_code: Code) -> str:
            return authorization_code.user

    class IdToken(OpenIDCode):
        def exists_nonce(self, nonce: str, request: Any) -> bool:
            return any(code.nonce == nonce for code in provider.codes.values())

        def process_token(self, grant: Any, response: Any) -> Any:
            response[1]["id_token"] = provider.id_token(grant.request.authorization_code)
            return response

    server.init_app(app, query_client=lambda ident: client if ident == CLIENT else None, save_token=lambda *_: None)
    server.register_grant(CodeGrant, [IdToken(require_nonce=True), CodeChallenge(required=True)])

    @app.before_request
    def note() -> None:
        from flask import request

        provider.asked.append(request.path)

    @app.get("/.well-known/openid-configuration")
    def discovery() -> Any:
        return provider.discovery({
            "issuer": provider.issuer, "authorization_endpoint": f"{provider.issuer}/authorize",
            "token_endpoint": f"{provider.issuer}/token", "jwks_uri": f"{provider.issuer}/jwks",
        })  # fmt: skip

    @app.get("/jwks")
    def keys() -> Response:
        return jsonify(provider.published())

    @app.get("/elsewhere")
    def elsewhere() -> Response:
        return redirect(f"{provider.issuer}/jwks")

    @app.get("/authorize")
    def authorize() -> Response:
        grant = server.get_consent_grant(end_user=provider.user)
        user = provider.user or None
        return server.create_authorization_response(grant_user=user, grant=grant)

    @app.post("/token")
    def token() -> Response:
        return provider.token_answer(server.create_token_response())

    return app


@contextmanager
def running(redirect_uri: str) -> Iterator[Provider]:
    """Start the provider on a free port of this machine, over http as only loopback may."""
    before = os.environ.get("AUTHLIB_INSECURE_TRANSPORT")
    os.environ["AUTHLIB_INSECURE_TRANSPORT"] = "1"  # the server side of Authlib refuses http elsewhere as well
    provider = Provider("http://127.0.0.1:0")
    server = make_server("127.0.0.1", 0, application(provider, redirect_uri), threaded=True)
    provider.issuer = f"http://127.0.0.1:{server.server_port}"
    provider.fresh_keys()
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield provider
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
        os.environ.pop("AUTHLIB_INSECURE_TRANSPORT")
        if before is not None:
            os.environ["AUTHLIB_INSECURE_TRANSPORT"] = before
