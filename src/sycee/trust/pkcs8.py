"""Encryption of a private key in PKCS#8 (RFC 5958) by PBES2 (RFC 8018), as openssl reads it.

``cryptography`` and ``openssl pkey`` both derive the key by 2,048 rounds of PBKDF2 and let nobody set more, so the
structure is written here: PBKDF2 with HMAC-SHA-256 and AES-256-CBC, 180 bytes of DER around the ciphertext.
"""

import base64
import hashlib
import os

ROUNDS = 600_000  # OWASP's figure for PBKDF2-HMAC-SHA256; a quarter of a second
_SALT_BYTES = 16
_BLOCK = 16  # AES

_SEQUENCE, _INTEGER, _OCTETS, _NULL = 0x30, 0x02, 0x04, 0x05
_PBES2 = bytes.fromhex("06092a864886f70d01050d")
_PBKDF2 = bytes.fromhex("06092a864886f70d01050c")
_HMAC_SHA256 = bytes.fromhex("06082a864886f70d0209")
_AES_256_CBC = bytes.fromhex("060960864801650304012a")


def encrypt(pkcs8: bytes, password: bytes, *, rounds: int = ROUNDS) -> bytes:
    """Return a private key as ``-----BEGIN ENCRYPTED PRIVATE KEY-----`` PEM.

    Args:
        pkcs8: The key as unencrypted PKCS#8 in DER.
        password: Any bytes but none.
        rounds: Of PBKDF2.
    """
    from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

    salt, iv = os.urandom(_SALT_BYTES), os.urandom(_BLOCK)
    derived = hashlib.pbkdf2_hmac("sha256", password, salt, rounds, 32)
    encryptor = Cipher(algorithms.AES(derived), modes.CBC(iv)).encryptor()
    padding = _BLOCK - len(pkcs8) % _BLOCK
    ciphertext = encryptor.update(pkcs8 + bytes([padding]) * padding) + encryptor.finalize()
    return _pem("ENCRYPTED PRIVATE KEY", _der(_SEQUENCE, _scheme(salt, iv, rounds), _der(_OCTETS, ciphertext)))


def _scheme(salt: bytes, iv: bytes, rounds: int) -> bytes:
    count = rounds.to_bytes(rounds.bit_length() // 8 + 1, "big")
    hmac = _der(_SEQUENCE, _HMAC_SHA256, _der(_NULL))
    derivation = _der(_SEQUENCE, _PBKDF2, _der(_SEQUENCE, _der(_OCTETS, salt), _der(_INTEGER, count), hmac))
    cipher = _der(_SEQUENCE, _AES_256_CBC, _der(_OCTETS, iv))
    return _der(_SEQUENCE, _PBES2, _der(_SEQUENCE, derivation, cipher))


def _der(tag: int, *parts: bytes) -> bytes:
    content = b"".join(parts)
    if len(content) < 0x80:
        return bytes([tag, len(content)]) + content
    length = len(content).to_bytes((len(content).bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(length)]) + length + content


def _pem(label: str, der: bytes) -> bytes:
    text = base64.b64encode(der).decode()
    lines = [text[start : start + 64] for start in range(0, len(text), 64)]
    return "\n".join([f"-----BEGIN {label}-----", *lines, f"-----END {label}-----", ""]).encode()
