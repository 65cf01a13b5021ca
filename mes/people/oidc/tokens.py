"""Whether an ID token is one: signed by the provider's key, for this site, for this question, now."""

from collections.abc import Mapping
from typing import Any

from joserfc import jwk, jws, jwt
from joserfc.errors import JoseError
from joserfc.jwt import JWTClaimsRegistry

from mes.people.oidc.model import Cause, Client, SignInRefused, checked_subject

ALGORITHMS = ("RS256", "ES256", "Ed25519", "EdDSA")
"""Public-key algorithms alone: `none` is no signature, and HS256 would take a public key for a shared secret."""
LEEWAY_S = 60
MAX_AGE_S = 15 * 60
MAX_TOKEN = 16 * 1024


class UnknownKeyError(Exception):
    """The token names a key that is not among those at hand; they may have been changed since."""


def check_token(raw: object, keys: jwk.KeySet, client: Client, nonce: str, now: float) -> str:
    """Return who the provider says came in; SignInRefused for any other token, UnknownKeyError to ask for keys anew.

    Checked: algorithm, signature, iss, aud, azp, exp, iat, nbf, nonce, and that the claim is a short text.
    """
    if not isinstance(raw, str) or len(raw) > MAX_TOKEN:
        raise SignInRefused(Cause.TOKEN)
    try:
        header = jws.extract_compact(raw.encode()).headers()
        token = jwt.decode(raw, _key(keys, header), algorithms=list(ALGORITHMS))
        _claims(client, nonce, now).validate(token.claims)
    except (JoseError, ValueError, TypeError, KeyError) as error:
        raise SignInRefused(Cause.TOKEN) from error
    _party(token.claims, client, now)
    subject = token.claims.get(client.claim)
    if not isinstance(subject, str) or not subject.strip():
        raise SignInRefused(Cause.TOKEN)
    return checked_subject(subject)


def _key(keys: jwk.KeySet, header: Mapping[str, Any]) -> Any:
    """Return the one key that may have signed; a token that does not say which takes a set of one."""
    if header.get("alg") not in ALGORITHMS:
        raise SignInRefused(Cause.TOKEN)
    wanted = header.get("kid")
    found = [key for key in keys.keys if key.kid == wanted] if wanted is not None else list(keys.keys)
    if not found and wanted is not None:
        raise UnknownKeyError
    if len(found) != 1 or found[0].key_type == "oct" or found[0].get("use") not in (None, "sig"):
        raise SignInRefused(Cause.TOKEN)
    return found[0]


def _claims(client: Client, nonce: str, now: float) -> JWTClaimsRegistry:
    return JWTClaimsRegistry(
        now=int(now), leeway=LEEWAY_S, iss={"essential": True, "value": client.issuer},
        aud={"essential": True, "value": client.client_id}, exp={"essential": True}, iat={"essential": True},
        sub={"essential": True}, nonce={"essential": True, "value": nonce},
    )  # fmt: skip


def _party(claims: Mapping[str, Any], client: Client, now: float) -> None:
    """Refuse a token that was made for several parties on another's behalf, and one that is old."""
    audience = claims["aud"]
    others = isinstance(audience, list) and len(audience) > 1
    if (others or "azp" in claims) and claims.get("azp") != client.client_id:
        raise SignInRefused(Cause.TOKEN)
    if claims["iat"] < now - MAX_AGE_S:
        raise SignInRefused(Cause.TOKEN)
