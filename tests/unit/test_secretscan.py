"""What looks like a secret, and what does not."""

import time

import pytest

from sycee.core.secretscan import is_secret_file, secret_in

# Written in two parts each, so that no scanner takes this file for a leak.
SECRETS = {
    "a private key": ["-----BEGIN " + "PRIVATE KEY-----", "-----BEGIN " + "OPENSSH PRIVATE KEY-----",
                      "-----BEGIN " + "PGP PRIVATE KEY BLOCK-----"],
    "an AWS key": ["AKIA" + "1234567890ABCDEF",
                   "aws_secret_access_key = " + "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"],
    "a token of a service": ["ghp_" + "a1B2" * 9, "github_pat_" + "a1B2" * 16, "glpat-" + "a1B2" * 5, "hf_" + "aB" * 17,
                             "xoxb-" + "1234567890", "sk-" + "Ab3" * 12, "AIza" + "a" * 35, "npm_" + "a1B2" * 9,
                             "eyJ" + "a" * 12 + ".eyJ" + "b" * 12 + "." + "c" * 12],
    "an address with a password": ["https://ada:" + "s3cret@example.com/x.git", "postgres://u:" + "p@db:5432/x"],
    "a password or token": ['password = "' + 'hunter2hunter2hunter2"', "'api_key': '" + "0123456789abcdef0123'",
                            'WANDB_API_KEY="' + "0a1b" * 10 + '"', "auth-token: '" + "abc123" * 4 + "'"],
}  # fmt: skip
HARMLESS = [
    'pad_token = "[PAD]"',
    'tokenizer_name = "bert-base-uncased-2024-01"',
    'token = "an ordinary sentence"',
    'eos_token="<|endoftext|>"',
    "password = os.environ['DB_PASSWORD']",
    'api_key = get_secret("prod/api-key-2024-release")',
    "https://example.com/a:b@c",
    "git@example.com:team/bert.git",
    "ssh://git@example.com:22/x",
    "-----BEGIN PUBLIC KEY-----",
    "sk-learn-is-a-library-with-a-long-name-of-words",
    "f'{scheme}://{user}:{password}@{host}'",
    "index 8ce4b28213f019e5c19a6c4f2eabf1d0db98506c",
    'revision = "8ce4b28213f019e5c19a6c4f2eabf1d0db98506c"',
]


@pytest.mark.parametrize(("kind", "text"), [(kind, text) for kind, texts in SECRETS.items() for text in texts])
def test_secrets_are_found_with_their_line(kind, text):
    assert secret_in(f"first\n+x {text}\n".encode()) == (kind, 2)


@pytest.mark.parametrize("text", HARMLESS)
def test_what_is_no_secret_is_left_alone(text):
    assert secret_in(text.encode()) is None


@pytest.mark.parametrize(
    "name",
    [".env", "a/.env.local", "ID_RSA", "x.pem", "deploy.key", ".ssh/config", "credentials", "a/client_secret_1.json",
     "service-account-prod.json", ".netrc", "secrets.yaml", "kubeconfig", "token.json"],
)  # fmt: skip
def test_files_of_secrets_by_name(name):
    assert is_secret_file(name)


@pytest.mark.parametrize(
    "name",
    ["train.py", "secrets.py", "tokens.py", "tokenizer.json", "environment.yml", "keys.md", "credentials.py", "sshd/x"],
)
def test_other_files_by_name(name):
    assert not is_secret_file(name)


@pytest.mark.parametrize(
    "part", ["a", "aws", "token_", "a.", "eyJ-", "sk-", "a://", "a://b:", "token='a", "AKIA", "x=' "]
)
def test_a_long_file_of_one_line_takes_no_long_time(part):
    started = time.process_time()
    secret_in(part.encode() * (1 << 16))
    assert time.process_time() - started < 2  # what is not linear takes minutes
