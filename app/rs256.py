"""RS256 in pure Python, to verify alone, for interpreters without `cryptography`: RSASSA-PKCS1-v1_5 with SHA-256.

It makes the only right encoding of the message and compares it with the signature's (RFC 8017, 8.2.2), so it parses
nothing that an attacker has written. All that it handles is public, so its time may depend on it.
"""

from hashlib import sha256
from typing import Any, NoReturn

from jwt.algorithms import Algorithm
from jwt.exceptions import InvalidKeyError
from jwt.utils import from_base64url_uint

DIGEST_INFO = bytes.fromhex("3031300d060960864801650304020105000420")  # SHA-256's, of RFC 8017, 9.2, note 1
MAX_BITS = 8_192  # a larger key takes long


class RSAPublicKey:
    """An RSA public key. Raises InvalidKeyError for numbers that no key has."""

    def __init__(self, modulus: int, exponent: int) -> None:
        if not (modulus % 2 and exponent % 2 and 3 <= exponent < 2**32 and modulus.bit_length() <= MAX_BITS):
            raise InvalidKeyError("no RSA public key")
        self.modulus = modulus
        self.exponent = exponent


class RS256(Algorithm):
    """The algorithm as PyJWT calls it; its keys are public ones."""

    def prepare_key(self, key: RSAPublicKey) -> RSAPublicKey:
        return key

    def verify(self, msg: bytes, key: RSAPublicKey, sig: bytes) -> bool:
        """Tell whether `sig` is the signature of `msg`."""
        size = (key.modulus.bit_length() + 7) // 8
        number = int.from_bytes(sig, "big")
        tail = DIGEST_INFO + sha256(msg).digest()
        encoded = b"\x00\x01" + b"\xff" * (size - len(tail) - 3) + b"\x00" + tail
        return (
            len(sig) == size
            and number < key.modulus
            and pow(number, key.exponent, key.modulus).to_bytes(size, "big") == encoded
        )

    def sign(self, msg: bytes, key: Any) -> NoReturn:
        raise NotImplementedError("this algorithm only verifies")

    @staticmethod
    def to_jwk(key_obj: Any, as_dict: bool = False) -> NoReturn:
        raise NotImplementedError("this algorithm only verifies")

    @staticmethod
    def from_jwk(jwk: Any) -> RSAPublicKey:
        return RSAPublicKey(from_base64url_uint(jwk["n"]), from_base64url_uint(jwk["e"]))
