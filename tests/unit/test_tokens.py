"""Access tokens: right ones are taken, changed ones never, and verified ones are remembered until they expire."""

import base64
import json
import time
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from hypothesis import given
from hypothesis import strategies as st

from app import jwks, tokens
from app.jwks import Key, Keys, NoKeys, Pending
from app.principal import Principal
from app.tokens import InvalidToken, Verifier
from tests.issuer import AUDIENCE, DROPPED, ISSUER, Issuer, private_key, public_jwk

ISSUERS = {name: Issuer(name) for name in ("ES256", "RS256", "Ed25519", "EdDSA")}
ANNA = Principal("anna", frozenset({"statements"}))
NOW = int(time.time())  # when the module is imported: minutes before a test


def verifier(issuer: Issuer, *algorithms: str, cached_tokens: int = 0, **clocks: Any) -> Verifier:
    """A verifier of an issuer's tokens, whose keys it fetches without a network."""
    allowed = algorithms or (issuer.algorithm,)

    def parsed(document: bytes) -> dict[str, Key]:
        return jwks.keys_of(document, lambda jwk: tokens.usable(jwk, allowed))

    keys = Keys(issuer.jwks, parsed, limit_seconds=10, **({"clock": clocks["keys"]} if "keys" in clocks else {}))
    clock = clocks.get("clock", time.time)
    return Verifier(
        keys, issuer=ISSUER, audience=AUDIENCE, algorithms=allowed, cached_tokens=cached_tokens, clock=clock
    )


def asked(verifier: Verifier, token: str) -> Principal:
    """Whose token it is, after a fetch of keys if one is due."""
    try:
        return verifier.principal_of(token)
    except Pending as pending:
        pending.wait()
        return verifier.principal_of(token, may_wait=False)


def refusal(verifier: Verifier, token: str) -> str:
    with pytest.raises(InvalidToken) as caught:
        asked(verifier, token)
    return str(caught.value)


@pytest.mark.parametrize("issuer", ISSUERS.values(), ids=ISSUERS)
def test_a_token_of_each_algorithm_names_its_subject_and_scopes(issuer: Issuer) -> None:
    assert asked(verifier(issuer), issuer.token()) == ANNA
    several = issuer.token(sub="bob", scope="statements  customer:1 customer:2")
    assert asked(verifier(issuer), several) == Principal("bob", frozenset({"statements", "customer:1", "customer:2"}))
    assert asked(verifier(issuer), issuer.token(scope=DROPPED)).scopes == frozenset()


@pytest.mark.parametrize(
    "claims", [{"aud": [AUDIENCE, "other"]}, {"nbf": 1}, {"exp": NOW + 86_400.5}, {"iat": DROPPED}]
)
@pytest.mark.parametrize("typ", ["at+jwt", "AT+JWT", "application/at+jwt"])
def test_what_the_rules_allow_is_taken(claims: dict[str, Any], typ: str) -> None:
    issuer = ISSUERS["ES256"]
    assert asked(verifier(issuer), issuer.token(header={"typ": typ}, **claims)) == ANNA


WRONG_CLAIMS: dict[str, tuple[dict[str, Any], str]] = {
    "issuer": ({"iss": "https://other.example"}, "the issuer is another one"),
    "no issuer": ({"iss": DROPPED}, "the issuer is another one"),
    "issuers": ({"iss": [ISSUER]}, "the issuer is another one"),
    "audience": ({"aud": "other"}, "the audience is another one"),
    "no audience": ({"aud": DROPPED}, "the audience is another one"),
    "part of the audience": ({"aud": AUDIENCE[:-1]}, "the audience is another one"),
    "audience in a text": ({"aud": f"x {AUDIENCE}"}, "the audience is another one"),
    "no expiry": ({"exp": DROPPED}, "exp or nbf is no moment"),
    "expiry as text": ({"exp": "99999999999"}, "exp or nbf is no moment"),
    "expiry true": ({"exp": True}, "exp or nbf is no moment"),
    "never": ({"exp": float("inf")}, "exp or nbf is no moment"),
    "beyond every float": ({"exp": 2**1024}, "exp or nbf is no moment"),
    "before every float": ({"nbf": -(2**1024)}, "exp or nbf is no moment"),
    "not a number": ({"exp": float("nan")}, "exp or nbf is no moment"),
    "expired": ({"exp": NOW - 60}, "the token has expired"),
    "not yet": ({"nbf": NOW + 3600}, "the token is not valid yet"),
    "not before a text": ({"nbf": "1"}, "exp or nbf is no moment"),
    "no subject": ({"sub": DROPPED}, "sub or scope is no string"),
    "empty subject": ({"sub": ""}, "sub or scope is no string"),
    "subject a number": ({"sub": 7}, "sub or scope is no string"),
    "scopes in an array": ({"scope": ["statements"]}, "sub or scope is no string"),
}


@pytest.mark.parametrize(("claims", "told"), WRONG_CLAIMS.values(), ids=WRONG_CLAIMS)
def test_a_wrong_claim_is_refused(claims: dict[str, Any], told: str) -> None:
    issuer = ISSUERS["ES256"]
    assert refusal(verifier(issuer), issuer.token(**claims)) == told


WRONG_HEADERS: dict[str, tuple[dict[str, Any], str]] = {
    "type of an ID token": ({"typ": "JWT"}, "the type is not at+jwt"),
    "no type": ({"typ": DROPPED}, "the type is not at+jwt"),
    "type a number": ({"typ": 1}, "the type is not at+jwt"),
    "no key": ({"kid": DROPPED}, "the token names no key"),
    "unknown key": ({"kid": "other"}, "the issuer has no such key"),
    "empty key": ({"kid": ""}, "the issuer has no such key"),
    "keys from elsewhere": ({"jku": "https://evil.example/jwks"}, "the header has a member that is not allowed"),
    "certificate from elsewhere": ({"x5u": "https://evil.example"}, "the header has a member that is not allowed"),
    "key inside": ({"jwk": {"kty": "EC"}}, "the header has a member that is not allowed"),
    "extension": ({"crit": ["b64"], "b64": True}, "the header has a member that is not allowed"),
    "other algorithm": ({"alg": "ES384"}, "the algorithm is not allowed"),
}


@pytest.mark.parametrize(("header", "told"), WRONG_HEADERS.values(), ids=WRONG_HEADERS)
def test_a_wrong_header_is_refused(header: dict[str, Any], told: str) -> None:
    issuer = ISSUERS["ES256"]
    assert refusal(verifier(issuer), hand_signed(issuer, header)) == told


def hand_signed(issuer: Issuer, header: dict[str, Any]) -> str:
    """A token with any header, even one that PyJWT would not write, signed with ES256."""
    kid, key = list(issuer.keys.items())[-1]
    head = {"typ": "at+jwt", "alg": "ES256", "kid": kid} | header
    head = {name: value for name, value in head.items() if value is not DROPPED}
    signed = ".".join(encoded(json.dumps(part).encode()) for part in (head, issuer.claims()))
    signature = jwt.algorithms.get_default_algorithms()["ES256"].sign(signed.encode(), key)
    return f"{signed}.{encoded(signature)}"


def encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


@pytest.mark.parametrize("alg", ["none", "None", "NONE", "", None, 1, ["ES256"], {"ES256": 1}])
def test_a_token_without_a_signature_is_refused(alg: object) -> None:
    issuer = ISSUERS["ES256"]
    kid = list(issuer.keys)[-1]
    head = encoded(json.dumps({"typ": "at+jwt", "alg": alg, "kid": kid}).encode())
    body = encoded(json.dumps(issuer.claims()).encode())
    one = verifier(issuer)
    for token in (f"{head}.{body}.", f"{head}.{body}", f"{head}.{body}.AA"):
        assert refusal(one, token) in {"the token is malformed", "the algorithm is not allowed"}


def test_the_public_key_is_no_secret_to_sign_with() -> None:
    """The attack of algorithm confusion: HS256 with the public key's bytes as its secret."""
    issuer = ISSUERS["RS256"]
    kid, key = list(issuer.keys.items())[-1]
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    pem = key.public_key().public_bytes(serialization.Encoding.PEM, form)
    hmac = jwt.algorithms.get_default_algorithms()["HS256"]
    head = encoded(json.dumps({"typ": "at+jwt", "alg": "HS256", "kid": kid}).encode())
    signed = f"{head}.{encoded(json.dumps(issuer.claims()).encode())}"
    token = f"{signed}.{encoded(hmac.sign(signed.encode(), pem))}"
    assert refusal(verifier(issuer, "RS256", "ES256"), token) == "the algorithm is not allowed"


def test_a_key_verifies_only_with_its_own_algorithm() -> None:
    issuer = ISSUERS["ES256"]
    kid = list(issuer.keys)[-1]
    other = ISSUERS["RS256"].token(header={"kid": kid})
    assert refusal(verifier(issuer, "RS256", "ES256"), other) == "the key is not for this algorithm"


def test_another_key_of_the_same_name_is_refused() -> None:
    issuer = ISSUERS["ES256"]
    assert refusal(verifier(issuer), issuer.token(key=private_key("ES256"))) == "the signature is wrong"


@pytest.mark.parametrize(
    "token", ["", ".", "..", "...", "a.b.c", "é.b.c", "a.b.c.d", "x" * 8193, "\0", "a.b.c\n", "Bearer a.b.c"]
)
def test_what_is_no_token_is_malformed(token: str) -> None:
    assert refusal(verifier(ISSUERS["ES256"]), token) == "the token is malformed"


ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
KNOWING = {name: verifier(issuer) for name, issuer in ISSUERS.items()}
TAKEN = {name: issuer.token(exp=NOW + 86_400) for name, issuer in ISSUERS.items()}


@given(st.sampled_from(sorted(ISSUERS)), st.data())
def test_no_changed_token_is_taken(name: str, data: st.DataObject) -> None:
    """A character is put in another's place, in between, or away; or parts of two tokens are put together."""
    token, one = TAKEN[name], KNOWING[name]
    assert asked(one, token) == ANNA
    at = data.draw(st.integers(0, len(token) - 1))
    text = data.draw(st.text(st.sampled_from(ALPHABET + "=.+/ \n"), max_size=3))
    length = data.draw(st.integers(0, 3))
    changed = token[:at] + text + token[at + length :]
    other = ISSUERS[name].token(sub="eve").split(".")
    swapped = data.draw(st.integers(0, 1))
    parts = [other[index] if index == swapped + 1 else part for index, part in enumerate(token.split("."))]
    for wrong in {changed, token + text, text + token, ".".join(parts)} - {token}:
        refusal(one, wrong)


@given(st.recursive(st.none() | st.booleans() | st.floats() | st.integers() | st.text(), st.lists))
def test_signed_claims_of_any_kind_are_taken_or_refused(value: Any) -> None:
    issuer = ISSUERS["ES256"]
    kid, key = list(issuer.keys.items())[-1]
    for claims in (value, *({**issuer.claims(), name: value} for name in ("iss", "aud", "exp", "nbf", "sub", "scope"))):
        payload = json.dumps(claims).encode()
        token = jwt.PyJWS().encode(payload, key, "ES256", {"typ": "at+jwt", "kid": kid})
        try:
            told = asked(KNOWING["ES256"], token).subject
        except InvalidToken as error:
            told = str(error)
            told += "!" * (
                not told.isascii() or bool({'"', "\\"} & set(told))
            )  # it stands in a challenge (RFC 6750, 3)
        assert told
        assert not told.endswith("!")


# ---------------------------------------------------------------- keys


def test_keys_that_no_algorithm_can_use_are_left_out() -> None:
    es256, rs256 = ISSUERS["ES256"], ISSUERS["RS256"]
    good = public_jwk("ES256", es256.keys[list(es256.keys)[-1]])
    rsa = public_jwk("RS256", rs256.keys[list(rs256.keys)[-1]])
    assert tokens.usable(good, ["ES256"])
    assert tokens.usable(good | {"alg": "ES256", "use": "sig"}, ["ES256"])
    assert tokens.usable(rsa, ["RS256"])
    wrong = [
        good | {"use": "enc"},
        good | {"alg": "ES384"},
        good | {"alg": "none"},
        good | {"alg": ["ES256"]},
        good | {"alg": {"ES256": 1}},
        good | {"crv": "P-384"},
        good | {"x": good["y"]},  # not on the curve
        good | {"x": 1},
        good | {"d": "AAAA"},
        {name: value for name, value in good.items() if name != "y"},
        {"kty": "oct", "k": "AAAA", "alg": "HS256"},
        {"kty": "oct", "k": "AAAA", "alg": "ES256"},
        {},
        {"kty": ["EC"], "crv": "P-256"},
        rsa,
    ]
    assert [tokens.usable(jwk, ["ES256"]) for jwk in wrong] == [None] * len(wrong)
    assert tokens.usable(rsa | {"n": rsa["n"][:100]}, ["RS256"]) is None  # shorter than 2,048 bits


@pytest.mark.parametrize("name", ["none", "HS256", "es256", ""])
def test_an_algorithm_that_proves_nothing_is_no_setting(name: str) -> None:
    with pytest.raises(ValueError, match="is not one of ES256, RS256, Ed25519, EdDSA"):
        tokens.implementation(name)


def test_without_cryptography_only_rs256_can_be_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tokens, "get_default_algorithms", dict)
    with pytest.raises(ValueError, match="ES256 needs the package cryptography"):
        tokens.implementation("ES256")
    issuer = ISSUERS["RS256"]
    one = verifier(issuer)
    assert asked(one, issuer.token()) == ANNA
    assert refusal(one, issuer.token(key=private_key("RS256"))) == "the signature is wrong"


# ---------------------------------------------------------------- remembered tokens


class Clock:
    def __init__(self) -> None:
        self.now = time.time()

    def __call__(self) -> float:
        return self.now


def test_a_verified_token_is_verified_once(monkeypatch: pytest.MonkeyPatch) -> None:
    issuer = ISSUERS["ES256"]
    one, token = verifier(issuer, cached_tokens=2), issuer.token()
    first = asked(one, token)
    monkeypatch.setattr(one, "_verified", None)  # a call would fail
    assert one.principal_of(token) is first


def test_without_a_cache_each_request_verifies() -> None:
    issuer = ISSUERS["ES256"]
    one, token = verifier(issuer), issuer.token()
    assert asked(one, token) == asked(one, token) == ANNA
    assert one.cached == {}


def test_the_cache_is_bounded_and_drops_the_oldest() -> None:
    issuer = ISSUERS["ES256"]
    one = verifier(issuer, cached_tokens=3)
    given = [issuer.token(sub=f"user {number}") for number in range(10)]
    for token in given:
        asked(one, token)
    assert list(one.cached) == given[-3:]


def test_a_refused_token_takes_no_place() -> None:
    issuer = ISSUERS["ES256"]
    one = verifier(issuer, cached_tokens=3)
    for number in range(10):
        refusal(one, issuer.token(aud=f"other {number}"))
    assert one.cached == {}


def test_a_remembered_token_ends_when_it_expires() -> None:
    clock, issuer = Clock(), ISSUERS["ES256"]
    one, token = verifier(issuer, cached_tokens=2, clock=clock), issuer.token(exp=int(clock.now) + 100)
    assert asked(one, token) == ANNA
    clock.now += 99
    assert asked(one, token) == ANNA
    clock.now += 2  # expired, within the skew: verified anew, and not remembered
    assert asked(one, token) == ANNA
    assert one.cached == {}
    clock.now += tokens.SKEW_SECONDS
    assert refusal(one, token) == "the token has expired"


def test_a_remembered_token_ends_with_its_key() -> None:
    clock, issuer = Clock(), Issuer()
    one, token = verifier(issuer, cached_tokens=2, keys=clock), issuer.token()
    asked(one, token)
    issuer.rotate(keep=False)
    assert asked(one, token) == ANNA  # nobody has asked the issuer since
    clock.now += jwks.OVERDUE_SECONDS  # the longest time after the removal
    assert refusal(one, token) == "the issuer has no such key"
    assert asked(one, issuer.token()) == ANNA
    assert token not in one.cached


def test_a_token_of_a_new_key_is_taken_after_a_rotation() -> None:
    clock, issuer = Clock(), Issuer()
    one = verifier(issuer, cached_tokens=2, keys=clock)
    old = issuer.token()
    assert asked(one, old) == ANNA
    issuer.rotate()
    clock.now += jwks.COOLDOWN_SECONDS
    assert asked(one, issuer.token()) == asked(one, old) == ANNA


def test_remembered_tokens_outlive_an_issuer_that_is_down(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, issuer = Clock(), Issuer()
    one, token = verifier(issuer, cached_tokens=2, keys=clock), issuer.token()
    asked(one, token)
    monkeypatch.setattr(one.keys, "fetch", lambda: 1 / 0)
    clock.now += jwks.OVERDUE_SECONDS
    assert asked(one, token) == ANNA
    assert token in one.cached
    clock.now += jwks.STALE_SECONDS
    with pytest.raises(NoKeys):
        asked(one, token)
