"""RS256 in pure Python against cryptography: the same signatures are right."""

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from hypothesis import given
from hypothesis import strategies as st
from jwt.exceptions import InvalidKeyError

from app.rs256 import DIGEST_INFO, RS256, RSAPublicKey

KEYS = {bits: rsa.generate_private_key(65537, bits) for bits in (2048, 2056, 3072)}
OURS = {
    bits: RSAPublicKey(key.public_key().public_numbers().n, key.public_key().public_numbers().e)
    for bits, key in KEYS.items()
}
VERIFY = RS256().verify


def signed(bits: int, message: bytes) -> bytes:
    return KEYS[bits].sign(message, padding.PKCS1v15(), hashes.SHA256())


@given(st.sampled_from(sorted(KEYS)), st.binary(max_size=300))
def test_a_right_signature_is_right(bits: int, message: bytes) -> None:
    signature = signed(bits, message)
    assert VERIFY(message, OURS[bits], signature)
    assert not VERIFY(message + b"\0", OURS[bits], signature)


@given(st.sampled_from(sorted(KEYS)), st.data())
def test_a_changed_signature_is_wrong(bits: int, data: st.DataObject) -> None:
    signature = bytearray(signed(bits, b"message"))
    at, change = data.draw(st.integers(0, len(signature) - 1)), data.draw(st.integers(1, 255))
    signature[at] ^= change
    assert not VERIFY(b"message", OURS[bits], bytes(signature))


@given(st.binary(max_size=400))
def test_any_bytes_are_no_signature(signature: bytes) -> None:
    assert not VERIFY(b"message", OURS[2048], signature)


def test_a_signature_has_its_keys_length() -> None:
    signature = signed(2048, b"message")
    for wrong in (b"\0" + signature, signature + b"\0", signature[1:], signature[:-1], b""):
        assert not VERIFY(b"message", OURS[2048], wrong)


def test_a_signature_above_the_modulus_is_wrong() -> None:
    key, signature = OURS[2048], int.from_bytes(signed(2048, b"message"), "big")
    if (signature + key.modulus).bit_length() <= 2048:
        assert not VERIFY(b"message", key, (signature + key.modulus).to_bytes(256, "big"))
    assert not VERIFY(b"message", key, (2**2048 - 1).to_bytes(256, "big"))


def forged(encoded: bytes) -> bytes:
    """The signature that a key's owner gets for any encoding."""
    numbers = KEYS[2048].private_numbers()
    return pow(int.from_bytes(encoded, "big"), numbers.d, numbers.public_numbers.n).to_bytes(256, "big")


def test_only_one_encoding_of_a_message_is_right() -> None:
    """Encodings that lenient parsers took: a shorter padding with bytes behind, and a digest without its NULL."""
    digest = hashes.Hash(hashes.SHA256())
    digest.update(b"message")
    value = digest.finalize()
    right = b"\0\1" + b"\xff" * (256 - 3 - len(DIGEST_INFO) - 32) + b"\0" + DIGEST_INFO + value
    assert VERIFY(b"message", OURS[2048], forged(right))
    bare = bytes.fromhex("302f300b0609608648016503040201") + b"\x04\x20"
    for wrong in (
        b"\0\1" + b"\xff" * 8 + b"\0" + DIGEST_INFO + value + b"\0" * (256 - 11 - len(DIGEST_INFO) - 32),
        b"\0\1" + b"\xff" * (256 - 3 - len(bare) - 32) + b"\0" + bare + value,
        b"\0\2" + right[2:],
        b"\0\1" + b"\xfe" + right[3:],
    ):
        assert len(wrong) == 256
        assert not VERIFY(b"message", OURS[2048], forged(wrong))


@pytest.mark.parametrize(
    ("modulus", "exponent"), [(2**2048, 65537), (2**2048 + 1, 2), (9, 1), (2**9000 + 1, 3), (9, 2**40 + 1)]
)
def test_numbers_that_no_key_has_are_refused(modulus: int, exponent: int) -> None:
    with pytest.raises(InvalidKeyError):
        RSAPublicKey(modulus, exponent)
