"""Secrets that a text names: the value is found to the letter, and what only looks like one stays."""

from __future__ import annotations

import json
from typing import Any

import pytest

import browserllm as bl
from browserllm.routing.middleware import DETECTORS, find_named_secrets
from browserllm.routing.middleware.placeholders import Placeholders, merge
from browserllm.scripted import ScriptedBackend


def found(text: str) -> list[str]:
    """What the detectors find."""
    return [text[span.start : span.end] for span in merge(span for find in DETECTORS for span in find(text))]


FOUND = [
    ("GITHUB_TOKEN=abcd1234efgh5678", ["abcd1234efgh5678"]),
    ("export AWS_SECRET_ACCESS_KEY='wJalrXUtnFEMI/K7MDENG+bPxRfi'", ["wJalrXUtnFEMI/K7MDENG+bPxRfi"]),
    ("password: hunter2", ["hunter2"]),
    ("Password is hunter2", ["hunter2"]),
    ("my password is hunter2.", ["hunter2"]),
    ("My password is swordfish. Is it good?", ["swordfish"]),
    ("passwd: hunter2", ["hunter2"]),
    ("pwd=hunter2", ["hunter2"]),
    ('passphrase: "correct horse battery staple"', ["correct horse battery staple"]),
    ("passphrase: correct horse battery staple", ["correct horse battery staple"]),
    ("password = correct horse battery staple\n", ["correct horse battery staple"]),
    ("password: |\n  hunter2\n  more\nuser: x", ["hunter2\n  more"]),
    ("- token: >-\n    abcd1234\n  other: y", ["abcd1234"]),
    ("{password: hunter2, user: bob}", ["hunter2"]),
    ("{user: bob, password: hunter2}", ["hunter2"]),
    ('{"password":"hun\\"ter2","x":1}', ['hun\\"ter2']),
    ('{"a":{"clientSecret" : "abcd1234efgh5678"}}', ["abcd1234efgh5678"]),
    ('"{\\"password\\": \\"hunter2\\", \\"u\\": 1}"', ["hunter2"]),
    ('"{\\"a\\": \\"{\\\\\\"token\\\\\\": \\\\\\"abcd1234\\\\\\"}\\"}"', ["abcd1234"]),
    ('api_key = "abcd"', ["abcd"]),
    ("[db]\npassword=hunter2 ; c", ["hunter2"]),
    ("DB_PASS=hunter2 # the pass", ["hunter2"]),
    ('DB_PASSWORD="hun ter2" # c', ["hun ter2"]),
    ("https://x.example/?api_key=abc123&x=1", ["abc123"]),
    ("https://x.example/?a=1&access_token=abc-123#top", ["abc-123"]),
    ("x-api-key: abcd1234", ["abcd1234"]),
    ("curl -H 'X-Api-Key: abcd1234' https://x.example", ["abcd1234"]),
    ("Authorization: Basic dXNlcjpwYXNz", ["dXNlcjpwYXNz"]),
    ("Authorization: Bearer abc.def-ghi", ["abc.def-ghi"]),
    ('{"Authorization": "Bearer abc123"}', ["abc123"]),
    ('headers["Authorization"] = "token abc123"', ["abc123"]),
    ("Cookie: session=abc123def; theme=dark", ["abc123def"]),
    ("Set-Cookie: sid=xyz; Path=/; HttpOnly", ["xyz"]),
    ("mytool --password=hunter2 --x", ["hunter2"]),
    ("mytool --token abcd1234 run", ["abcd1234"]),
    ("curl -u bob:hunter2 https://x.example", ["hunter2"]),
    ("curl --user 'bob:hunter 2' https://x.example", ["hunter 2"]),
    ("mysql -u root -psecret99 db", ["secret99"]),
    ("mysql -uroot -p'my pw' db", ["my pw"]),
    ("docker login -u bob -p hunter2", ["hunter2"]),
    ("Server=x;User Id=sa;Password=Hunt;er2!;Database=y", ["Hunt;er2!"]),
    ("Server=x;Password=hunter2;Database=y", ["hunter2"]),
    ('password = "hunter2"', ["hunter2"]),
    ("const token = 'abcd1234';", ["abcd1234"]),
    ('password: str = "hunter2"', ["hunter2"]),
    ('let password: string = "hunter2";', ["hunter2"]),
    ("$password = 'it\\'s';", ["it\\'s"]),
    ("'password' => 'hunter2',", ["hunter2"]),
    ("define('DB_PASSWORD', 'swordfish');", ["swordfish"]),
    ("config['password'] = 'hunter2'", ["hunter2"]),
    ("machine x.example login bob password swordfish", ["swordfish"]),
    ("machine x\n  login bob\n  password hunter2", ["hunter2"]),
    ("<password>hunter2</password>", ["hunter2"]),
    ("<ns:Password enc='no'>\n  hunter2\n</ns:Password>", ["hunter2"]),
    ('<add key="ApiKey" value="abcd1"/>', ["abcd1"]),
    ("Passwort: geheim123", ["geheim123"]),
    ("mot de passe : azerty", ["azerty"]),
    ("Contraseña: hola123", ["hola123"]),
    ("\u5bc6\u7801\uff1aabc12345", ["abc12345"]),
    ("\u5bc6\u7801\u662fhunter2", ["hunter2"]),
    ("- name: DB_PASSWORD\n  value: hunter2\n", ["hunter2"]),
    ('{"name": "DB_PASSWORD", "value": "hunter2"}', ["hunter2"]),
    ('variable "db_password" {\n  type = string\n  default = "hunter2"\n}', ["hunter2"]),
    ("**Password:** hunter2", ["hunter2"]),
    ("**Password**: `hunter2`", ["hunter2"]),
    ("| password | hunter2 |", ["hunter2"]),
    ("Password (new): hunter2", ["hunter2"]),
    ("The password for the wifi is hunter2, ok?", ["hunter2"]),
    ("Password:\nhunter2\n", ["hunter2"]),
    ("password:\n  swordfish\n", ["swordfish"]),
    ("requests.get(u, auth=('bob', 'hunter2'))", ["hunter2"]),
    ("client = C(api_key='abcd')", ["abcd"]),
    ("login(user='bob', password=hunter2)", ["hunter2"]),
    ("password = SecretStr('hunter2')", ["hunter2"]),
    ("//r.example/:_authToken=abcd1234efgh", ["abcd1234efgh"]),
    ("CREATE USER bob PASSWORD 'hunter2';", ["hunter2"]),
    ("POSTGRES_PASSWORD: ${DB_PASSWORD:-hunter2}", ["hunter2"]),
    ('setPassword("hunter2")', ["hunter2"]),
    ("secretKey: abc", ["abc"]),
    ("privateKey='abc def1'", ["abc def1"]),
    ("password=it's-me1", ["it's-me1"]),
    ("PASSWORD=a&b1", ["a&b1"]),
    ("PASSWORD=ab,cd1", ["ab,cd1"]),
    ("password: P@ss<w>rd!", ["P@ss<w>rd!"]),
    ("creds: admin / hunter2", ["hunter2"]),
    ("use password hunter2 to log in", ["hunter2"]),
    ("changed my password to hunter2", ["hunter2"]),
    ("kind: Secret\ndata:\n  whatever: aHVudGVyMg==\n  user: YWRtaW4=\n", ["aHVudGVyMg==", "YWRtaW4="]),
    ("username=bob&password=hunter2&x=1", ["hunter2"]),
    ("password%3Dhunter2%26x", ["hunter2"]),
    ("PIN: 4711", ["4711"]),
    ("password: 123456", ["123456"]),
    ("OPENAI_KEY=abcd1234efgh5678", ["abcd1234efgh5678"]),
    ("postgres://bob:p@ss@db/x", ["bob:p@ss"]),
    ("postgres://bob:p/ss@db/x", ["bob:p/ss"]),
    ("redis://:hunter2@db", [":hunter2"]),
    ("Password=Pa$$w0rd", ["Pa$$w0rd"]),
    ("SECRET_KEY_BASE=abc123", ["abc123"]),
    ("set PASSWORD=hunter2", ["hunter2"]),
    ('$env:API_TOKEN = "abc123"', ["abc123"]),
    ("ENV DB_PASSWORD hunter", ["hunter"]),
    ("setenv TOKEN abcdef", ["abcdef"]),
    ("user: bob\\npassword: hunter2\\nhost: x", ["hunter2"]),
    ('passwords: ["hunter2", "swordfish"]', ["hunter2", "swordfish"]),
    ("&quot;password&quot;:&quot;hunter2&quot;", ["hunter2"]),
    ("Password: \u201chunter2\u201d", ["hunter2"]),
    ("password='abc\\'", ["abc\\"]),
    ("password: 'it''s'", ["it''s"]),
    ("password='it'\\''s'", ["it'\\''s"]),
    ("sshpass -p hunter2 ssh x", ["hunter2"]),
    ("<td>Password</td><td>hunter2</td>", ["hunter2"]),
    ("Password: <code>hunter2</code>", ["hunter2"]),
    ("AccountKey=abc123==;EndpointSuffix=x", ["abc123=="]),
    ("Token: abcd1234", ["abcd1234"]),
    ("Wi-Fi: guest / password: Summer2024!", ["Summer2024!"]),
    ("Here's my token (keep it safe): abcd1234efgh5678", ["abcd1234efgh5678"]),
    ("user: bob, pass: swordfish", ["swordfish"]),
    ("user=bob pass=swordfish", ["swordfish"]),
    ("the api key is sk_abc123", ["sk_abc123"]),
    ("API key: 12345678-abcd-ef01-2345-6789abcdef01", ["12345678-abcd-ef01-2345-6789abcdef01"]),
    ("My API key's abcd1234efgh", ["abcd1234efgh"]),
    ("secret=abc", ["abc"]),
    ("token=abc", ["abc"]),
    ("TOKEN=abc", ["abc"]),
    ("password:hunter2", ["hunter2"]),
    ("password : hunter2", ["hunter2"]),
    ("password=hunter2)", ["hunter2"]),
    ("(password: hunter2)", ["hunter2"]),
    ("[password: hunter2]", ["hunter2"]),
    ("password: hunter2; user: bob", ["hunter2"]),
    ("password: hunter2, thanks", ["hunter2"]),
    ("password: hunter2 and user: bob", ["hunter2"]),
    ("password: 'hunter2'.", ["hunter2"]),
    ('Password = "hunter2".', ["hunter2"]),
    ("password -> hunter2", ["hunter2"]),
    ("password => hunter2", ["hunter2"]),
    ('password := "hunter2"', ["hunter2"]),
    ('password: "a, b; c"', ["a, b; c"]),
    ("password: 'correct horse battery staple'", ["correct horse battery staple"]),
    ("passphrase=correct-horse-battery-staple", ["correct-horse-battery-staple"]),
    ("pass phrase: correct horse battery staple.", ["correct horse battery staple"]),
    ("My passphrase is correct horse battery staple.", ["correct horse battery staple"]),
    ('My passphrase is "correct horse battery staple"', ["correct horse battery staple"]),
    ("password: >\n  hunter2\n", ["hunter2"]),
    ("password: >-\n    correct horse\n    battery staple\nuser: x", ["correct horse\n    battery staple"]),
    ("password: !!str hunter2", ["hunter2"]),
    ("password: &pw hunter2", ["hunter2"]),
    ("password: 0123456789", ["0123456789"]),
    ("password: 12345", ["12345"]),
    ("{'password': 'hunter2'}", ["hunter2"]),
    ("{password:'hunter2'}", ["hunter2"]),
    ('{"password":\n\n"hunter2"}', ["hunter2"]),
    ('{"credentials": {"password": "hunter2"}}', ["hunter2"]),
    ('{"user.password": "hunter2"}', ["hunter2"]),
    ("spring.datasource.password=hunter2", ["hunter2"]),
    ("mail.smtp.password: hunter2", ["hunter2"]),
    ('<property name="password" value="hunter2"/>', ["hunter2"]),
    ('<property name="connection.password">hunter2</property>', ["hunter2"]),
    ('<add name="X" connectionString="Server=x;Password=hunter2;" />', ["hunter2"]),
    ('<input type="password" name="p" value="hunter2">', ["hunter2"]),
    ("<key>Password</key>\n<string>hunter2</string>", ["hunter2"]),
    ("--from-literal=password=hunter2", ["hunter2"]),
    ("-e MYSQL_ROOT_PASSWORD=hunter2", ["hunter2"]),
    ("- MYSQL_ROOT_PASSWORD=hunter2\n", ["hunter2"]),
    ("-Dpassword=hunter2", ["hunter2"]),
    ("-Djavax.net.ssl.keyStorePassword=changeit", ["changeit"]),
    ("ARG TOKEN=abcd1234", ["abcd1234"]),
    ("PGPASSWORD=hunter2 psql -h x", ["hunter2"]),
    ('curl -XPOST -d \'{"password":"hunter2"}\' x', ["hunter2"]),
    ('curl -d "{\\"password\\":\\"hunter2\\"}" x', ["hunter2"]),
    ('curl -H "Authorization: Bearer abc123" x', ["abc123"]),
    ("curl -H 'PRIVATE-TOKEN: abc123xyz' x", ["abc123xyz"]),
    ("wget --http-password=hunter2 x", ["hunter2"]),
    ("Authorization: ApiKey abc123", ["abc123"]),
    ("authorization: abcd1234efgh5678", ["abcd1234efgh5678"]),
    ("Proxy-Authorization: Basic dXNlcjpwYXNz", ["dXNlcjpwYXNz"]),
    ("{'Authorization': f'Bearer abc123'}", ["abc123"]),
    (
        'Authorization: Digest username="Mufasa", response="6629fae49393a05397450978507c4ef1"',
        ['username="Mufasa", response="6629fae49393a05397450978507c4ef1'],
    ),
    ("document.cookie = 'session=abc123def'", ["abc123def"]),
    ("curl -b 'session=abc123def' x", ["abc123def"]),
    ("os.environ['TOKEN'] = 'abcd1234'", ["abcd1234"]),
    ("os.environ.setdefault('SECRET_KEY', 'abcd1234')", ["abcd1234"]),
    ("process.env.TOKEN = 'abcd1234'", ["abcd1234"]),
    ("self.password = 'hunter2'", ["hunter2"]),
    ("@password = 'hunter2'", ["hunter2"]),
    ("$this->password = 'hunter2';", ["hunter2"]),
    ('String password = "hunter2";', ["hunter2"]),
    ('#define PASSWORD "hunter2"', ["hunter2"]),
    ("password.value = 'hunter2'", ["hunter2"]),
    ('static final String API_KEY = "abc";', ["abc"]),
    ('private const string Password = @"hun""ter2";', ['hun""ter2']),
    ("password = r'hunter2'", ["hunter2"]),
    ("password = b'hunter2'", ["hunter2"]),
    ("password=`hunter2`", ["hunter2"]),
    ("const PASSWORD = `hun\nter2`;", ["hun\nter2"]),
    ('password = """hunter2"""', ["hunter2"]),
    ("if password == 'hunter2':", ["hunter2"]),
    ("INSERT INTO users (name) VALUES ('x'); ALTER USER bob IDENTIFIED BY 'hunter2';", ["hunter2"]),
    ("Password: hunter2\r\nUser: bob", ["hunter2"]),
    ("Password:\thunter2", ["hunter2"]),
    ("Password -  hunter2", ["hunter2"]),
    ("\u30d1\u30b9\u30ef\u30fc\u30c9\uff1ahunter2", ["hunter2"]),
    ("пароль: hunter2", ["hunter2"]),
    ("Mot de passe: hunter2", ["hunter2"]),
    ("mon mot de passe est hunter2", ["hunter2"]),
    ("Das Passwort lautet hunter2", ["hunter2"]),
    ("Mein Passwort ist geheim123", ["geheim123"]),
    ("mi contraseña es hunter2", ["hunter2"]),
    ("Senha: hunter2", ["hunter2"]),
    ("is it password: hunter2?", ["hunter2"]),
    ("dbPassword: hunter2,", ["hunter2"]),
    ("DB_PASSWORD : hunter2", ["hunter2"]),
    ("Login with bob and password hunter2.", ["hunter2"]),
    ("the password I use is hunter2", ["hunter2"]),
    ("password I chose: hunter2", ["hunter2"]),
    ("my password (the old one) was hunter2", ["hunter2"]),
    ("password should be hunter2", ["hunter2"]),
    ("hunter2 is my password", ["hunter2"]),
    ("Passwords: a1b2c3, d4e5f6", ["a1b2c3"]),
    ("secret key - abcd1234", ["abcd1234"]),
    ("aws_secret_access_key = wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", ["wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"]),
    ('"token": "abcdefgh"', ["abcdefgh"]),
    ('"accessToken":"abc.def.ghi"', ["abc.def.ghi"]),
    ("refresh_token=1//0gabc-def", ["1//0gabc-def"]),
    ('export TOKEN="$(cat x)abc1234"', ["$(cat x)abc1234"]),
    ("password: a$b1", ["a$b1"]),
    ("password: $ecret123!", ["$ecret123!"]),
    ("password: ab#cd1", ["ab#cd1"]),
    ("password: \\x41bc", ["\\x41bc"]),
    ("password: C0mpl3x\\P@ss", ["C0mpl3x\\P@ss"]),
    ('password: "abc\\\\"\nuser: "x"', ["abc\\\\"]),
    ("PASSWORD=$'it\\'s x'", ["it\\'s x"]),
    ("PASSWORD=abc\\ def", ["abc\\ def"]),
    ("openssl -passin pass:hunter2", ["hunter2"]),
    ("redis-cli -a hunter2 ping", ["hunter2"]),
    ("requirepass swordfish", ["swordfish"]),
    ("ldapsearch -w hunter2 -x", ["hunter2"]),
    ("_auth=dXNlcjpwYXNz", ["dXNlcjpwYXNz"]),
    ('"auth": "dXNlcjpwYXNz"', ["dXNlcjpwYXNz"]),
    ("ftp://bob:hunter2@x/", ["bob:hunter2"]),
    ("jdbc:mysql://h/db?user=bob&password=hunter2", ["hunter2"]),
    ("amqp://bob:hunter2@h", ["bob:hunter2"]),
    ("DATABASE_URL=postgres://bob:hunter2@h/x", ["bob:hunter2"]),
    ("mongodb+srv://bob:hun%40ter2@h", ["bob:hun%40ter2"]),
    ("smtp.login('bob@x.example', 'hunter2')", ["bob@x.example", "hunter2"]),
    ("HTTPBasicAuth('bob', 'swordfish')", ["swordfish"]),
    ("apikey=abc", ["abc"]),
    ("X-Auth-Token: abc", ["abc"]),
    ("credentials = 'bob:swordfish'", ["bob:swordfish"]),
    ("Your one-time password is 123456", ["123456"]),
]

KEPT = [
    "password: <your password>",
    "token: null",
    "token: true",
    "token = None",
    'token: ""',
    "token: ''",
    "TOKEN=${TOKEN}",
    "password: $TOKEN",
    'token = os.environ["TOKEN"]',
    'os.environ["TOKEN"]',
    "token = getToken()",
    "max_tokens=100",
    "token_count: 12",
    "tokens: 5",
    '"type": "password"',
    "password: str",
    "key: value",
    "keyboard: qwerty1234",
    "primary_key=id",
    "secretary: Ann",
    "Token: the unit of text",
    "password: <SECRET_1>",
    "password: <SECRET_1>.",
    "token: ${{ secrets.GITHUB_TOKEN }}",
    "password=password",
    "token = user_token",
    "const token = req.headers.authorization",
    "id-token: write",
    "The password is required.",
    "The token is invalid",
    "password must be set",
    "Your password: please enter it",
    "forgot password?",
    "def f(password): return x",
    "if password == other:",
    "password: string;",
    "password = input('Password: ')",
    '"password": {"type": "string"}',
    "secretKeyRef:\n  name: x\n  key: password",
    'getenv("TOKEN")',
    '"jsonwebtoken": "^9.0.2"',
    "grant_type=password&username=bob",
    "pad_token: abc123x",
    "next_page_token: CAUQ1234",
    "PublicKeyToken=b77a5c561934e089",
    "credentials: include",
    "curl -u $USER:$PASS https://x",
    "docker run -u 1000:1000 x",
    "cookie: chocolate",
    "Basic training is hard",
    "bearer of bad news",
    "mysql -p db",
    "password: xxxxxx",
    "password: ********",
    "api_key: YOUR_API_KEY",
    "token: your-token-here",
    "password: {{ vault_password }}",
    "password: !vault x",
    "{password}",
    "token: %s",
    "password_file: /run/secrets/x",
    "tokens: [1, 2, 3]",
    "secrets:\n  - db_password",
    "'token': Token,",
    "<password></password>",
    "use <password> and <user>",
    "--password-stdin",
    "--password to set",
    "The secret of success is work",
    "secret: true",
    "Password:\n",
    "Password:",
    "a password-protected file",
    "token-based login: yes",
    "the key is under the mat",
    "API keys are secret",
    "key=1",
    "sort_key=abc12345",
    "password: [REDACTED]",
    "token: self.token",
    "token = tokens[0]",
    "return token",
    "password = form.password",
    "auth: none",
    "auth=('bob', password)",
    '["password", "username", "email"]',
    'fields = ("password", "email")',
    "password VARCHAR(255) NOT NULL",
    '"token": " the", "logprob": -0.1',
    "password: required|min:8",
    "tokens: hello",
    "postgres://${U}:${P}@db",
    "postgres://user:<password>@db",
    "http://localhost:8080/a@b",
    "secret: string): void",
    "tokens: this.#tokens",
    'return { secret: value["secret"] }',
    "`?token=${encodeURIComponent(secret)}`",
    'f"{secret:>20}"',
    'if SECRET in f"{record.getMessage()}": pass',
    'def _passes() -> Pass:\n    """Docs 1a."""',
    "secret = tmp_path / 'x'",
    '"invalid_api_key": "authentication"',
    "const TOKEN = /\\s+|#[^\\n]*/g;",
    "you might pass `setLevel()`",
    "pass capture_output=True to it",
    "-outputresource:%s;%s",
    "self.token += nextchar",
    "x[-max_payload_len:].lstrip('0')",
    "password: Joi.string().min(8)",
    "api_key: Optional[str] = None",
    "The API key is invalid.",
    "An access token is a string.",
    "Set the password to something strong.",
    "Your password was changed on 2024-01-01.",
    "password (optional): none",
    "password must be at least 8 characters",
    "password length: 12",
    "Change your password every 90 days.",
    "Token bucket: 12",
    "The secret to happiness is sleep",
    "Keep it secret.",
    "token budget is 4096",
    "a token is about 4 characters",
    "The next token: 42",
    "this key is 12 mm long",
    "key: ctrl+shift+p",
    "shortcut_key: ctrl+p",
    "public_key=abcd1234efgh5678",
    "Password: must have 8 characters",
    "Enter password: ",
    "Password? yes",
]


@pytest.mark.parametrize(("text", "values"), FOUND)
def test_what_a_text_calls_a_secret_is_found_to_the_letter(text: str, values: list[str]) -> None:
    """Without its quotes, the sentence's end, the comment behind it; and found again when it stands among others."""
    assert found(text) == values
    for before, after in (("Hello,\n", "\nBye."), ("{\n  ", "\n}\n"), ("a: 1\r\n", "\r\nb: 2\r\n")):
        if "\n" in text and before.startswith("{"):
            continue  # the lines of a block stand deeper than its name
        assert found(before + text + after) == values


@pytest.mark.parametrize("text", KEPT)
def test_what_only_stands_in_a_secrets_place_is_kept(text: str) -> None:
    """A variable, a type, a blank to fill in, code, a sentence, a name that only sounds like one."""
    assert found(text) == []


FILES = {
    "docker-compose.yml": (
        """\
services:
  db:
    image: postgres:16
    environment:
      POSTGRES_USER: app
      POSTGRES_PASSWORD: «mysecretpassword»
      PGDATA: /var/lib/postgresql/data
    secrets:
      - db_password
  cache:
    command: redis-server --requirepass «r3dis!pw»
    environment:
      - REDIS_PASSWORD=«r3dis!pw»
      - SESSION_TOKEN=${SESSION_TOKEN}
      - FALLBACK_TOKEN=${FALLBACK_TOKEN:-«local-dev-1»}
secrets:
  db_password:
    file: ./db_password.txt
"""
    ),
    ".env": (
        """\
# The application
APP_ENV=production
DB_HOST=localhost
DB_PASSWORD="«p@ss word; with 'all'»" # quoted
API_KEY='«abc#123»'
JWT_SECRET=«c2VjcmV0LXNpZ25pbmcta2V5==»
export GITHUB_TOKEN=«abcd1234efgh5678»
EMPTY_TOKEN=
MAX_TOKENS=4096
STRIPE_KEY=«abcd1234efgh5678ijkl»
TOKEN_FILE=/run/secrets/token
"""
    ),
    "package.json": (
        """\
{
  "name": "password-reset",
  "keywords": ["token", "secret", "password"],
  "dependencies": {"jsonwebtoken": "^9.0.2", "js-tokens": "~4.0.0", "csrf-token": "1.2.3"},
  "publishConfig": {"_authToken": "«npmAbCd1234»"},
  "scripts": {"start": "TOKEN=«abcd1234» node . --password «hunter2»", "test": "API_KEY=$API_KEY jest"}
}
"""
    ),
    "a secret of Kubernetes": (
        """\
apiVersion: v1
kind: ConfigMap
data:
  colour: Ymx1ZQ==
---
apiVersion: v1
kind: Secret
metadata:
  name: db-credentials
type: Opaque
data:
  username: «YWRtaW4=»
  connection: "«cG9zdGdyZXM6Ly8=»"
stringData:
  config.yaml: |
    «url: https://x.example
    retries: 3»
---
kind: Pod
spec:
  env:
    - name: DB_PASSWORD
      valueFrom:
        secretKeyRef:
          name: db-credentials
          key: password
    - name: API_TOKEN
      value: «abcd1234»
"""
    ),
    "Terraform": (
        """\
variable "db_password" {
  description = "The password of the database"
  type        = string
  default     = "«hunter2»"
  sensitive   = true
}

resource "aws_db_instance" "db" {
  username = "app"
  password = var.db_password
  master_password = "«Tr0ub4dor&3»"
}

output "token" {
  value = module.auth.token
}
"""
    ),
    "appsettings.json": (
        """\
{
  "ConnectionStrings": {
    "Default": "Server=tcp:db,1433;Database=app;User Id=sa;Password=«Hunt;er2!»;Encrypt=True;",
    "Storage": "DefaultEndpointsProtocol=https;AccountName=x;AccountKey=«abc123+/==»;EndpointSuffix=core.windows.net"
  },
  "Jwt": {"SigningKey": "«this is 1 signing key»", "Issuer": "x", "TokenLifetime": 60},
  "Smtp": {"Host": "mail", "Port": 587, "Password": "«swordfish»"}
}
"""
    ),
    "commands": (
        """\
curl -sSu 'bob:«hunter 2»' -H "Authorization: Bearer «abc.def»" -H 'X-Api-Key: «k-123456»' https://x.example/?token=«t0k3n»&x=1
curl --user "$USER:$PASS" -H "Authorization: Bearer $TOKEN" https://x.example
mysql -u root -p«s3cret» app < dump.sql && mysql -u root -p app
docker login -u bob -p «hunter2» registry.example
docker run -u 1000:1000 -p 8080:80 -e MYSQL_ROOT_PASSWORD=«swordfish» mysql:8
sshpass -p '«my pw»' ssh bob@host
PGPASSWORD=«hunter2» psql -h db -U app
kubectl create secret generic x --from-literal=password=«hunter2»
"""
    ),
    "a workflow of GitHub": (
        """\
on: push
permissions:
  id-token: write
  contents: read
jobs:
  release:
    env:
      GITHUB_TOKEN: ${{ secrets.GITHUB_TOKEN }}
      NPM_TOKEN: ${{secrets.NPM_TOKEN}}
    steps:
      - uses: actions/checkout@v4
        with:
          token: ${{ secrets.PAT }}
          persist-credentials: false
      - uses: docker/login-action@v3
        with:
          username: bob
          password: ${{ secrets.REGISTRY_PASSWORD }}
      - run: git push https://x-access-token:${TOKEN}@github.com/a/b
    secrets: inherit
"""
    ),
    ".netrc": "machine x.example\n  login bob\n  password «swordfish»\nmachine y login ann password «hunter2»\n",
    "a chat": (
        """\
Hi! I can't log in. My user name is bob and my password is «hunter2», the password for the wifi is «swordfish».
Is it wrong that I use hunter's password? The token I got was «abcd1234efgh5678». Password: «correct-horse».
What is a token? A token is a piece of text; max_tokens: 100 is the limit. Forgot password: click here.
"""
    ),
}


@pytest.mark.parametrize("name", FILES)
def test_in_files_as_people_paste_them_the_values_alone_are_found(name: str) -> None:
    """What stands between « and » here, and nothing else."""
    marked = FILES[name]
    text = marked.replace("«", "").replace("»", "")
    expected = [part.partition("»")[0] for part in marked.split("«")[1:]]
    spans = merge(span for find in DETECTORS for span in find(text) if span.kind not in {"EMAIL", "IP"})
    assert [text[span.start : span.end].rpartition(":")[2] if span.kind == "LOGIN" else text[span.start : span.end]
            for span in spans] == expected  # fmt: skip


async def test_json_that_tools_get_and_give_is_redacted_by_its_names() -> None:
    """A value is alone there: what it is called stands beside it, around it, or in a field of its own."""
    inner = ScriptedBackend("ok", leaves_device=True)
    arguments = {
        "password": 'hun"ter2',
        "pin": 4711,
        "max_tokens": 100,
        "type": "password",
        "token": {"value": "abcd1234"},
        "passwords": ["swordfish", "letmein"],
        "env": [{"name": "DB_PASSWORD", "value": "tr0ub4dor"}, {"name": "HOME", "value": "/root"}],
        "headers": {"Authorization": "token abc123", "Cookie": "session=xyz987; theme=dark"},
        "schema": {"password": {"type": "string"}},
        "apiKey": "${API_KEY}",
        "manifest": {"kind": "Secret", "data": {"user": "YWRtaW4="}},
    }
    call = bl.ToolCallPart("1", "f", json.dumps(arguments))
    result = bl.ToolResultPart("1", json.dumps({"clientSecret": "s3cr3t", "next_page_token": "CAUQ1234"}))
    await bl.Redaction(inner).complete(
        [bl.Message("user", "x"), bl.Message("assistant", [call]), bl.Message("tool", [result])],
        metadata={"token": "abcd1234"},
    )
    request = inner.requests[0]
    sent: Any = json.loads(request.messages[1].tool_calls[0].arguments)
    assert sent == {
        **arguments,
        "password": "<SECRET_1>",
        "pin": "<SECRET_2>",
        "token": {"value": "<SECRET_3>"},
        "passwords": ["<SECRET_4>", "<SECRET_5>"],
        "env": [{"name": "DB_PASSWORD", "value": "<SECRET_6>"}, {"name": "HOME", "value": "/root"}],
        "headers": {"Authorization": "token <SECRET_7>", "Cookie": "session=<SECRET_8>; theme=dark"},
        "manifest": {"kind": "Secret", "data": {"user": "<SECRET_9>"}},
    }
    (part,) = request.messages[2].content
    assert isinstance(part, bl.ToolResultPart)
    assert json.loads(part.content) == {"clientSecret": "<SECRET_10>", "next_page_token": "CAUQ1234"}
    assert request.metadata == {"token": "<SECRET_3>"}


async def test_a_word_that_is_a_secret_is_replaced_elsewhere_as_a_whole_word() -> None:
    """Not within others, and not where everybody has it as a first password."""
    inner = ScriptedBackend("ok", leaves_device=True)
    await bl.Redaction(inner).complete("My password is swordfish. Is swordfish weak? Swordfishes and swordfishing are.")
    await bl.Redaction(inner).complete("POSTGRES_PASSWORD: postgres\nimage: postgres:16")
    assert [request.messages[0].text for request in inner.requests] == [
        "My password is <SECRET_1>. Is <SECRET_1> weak? Swordfishes and swordfishing are.",
        "POSTGRES_PASSWORD: <SECRET_1>\nimage: postgres:16",
    ]


async def test_it_is_a_detector_that_can_be_left_out() -> None:
    """Then names mean nothing, in texts and in JSON; keys with a form of their own are still found."""
    inner = ScriptedBackend("ok", leaves_device=True)
    others = [find for find in DETECTORS if find is not find_named_secrets]
    call = bl.ToolCallPart("1", "f", '{"password": "hunter2"}')
    text = "password: hunter2, token: " + "ghp_" + "a1B2" * 9
    await bl.Redaction(inner, detectors=others).complete([bl.Message("user", text), bl.Message("assistant", [call])])
    sent = inner.requests[0].messages
    assert sent[0].text == "password: hunter2, token: <SECRET_1>"
    assert sent[1].tool_calls[0].arguments == call.arguments


def test_a_name_in_a_placeholder_names_nothing() -> None:
    """A model says placeholders back, and a text may hold what looks like one."""
    for text in (
        "![](//x.example/<SECRET_2>) <SECRET_2>",
        "password: <SECRET_1>.",
        "<SECRET_1> <SECRET_2> </SECRET_1>",
    ):
        assert found(text) == []


def test_one_value_in_two_spellings_of_json_comes_back_as_it_was() -> None:
    """A text keeps its escapes, and parsed JSON has none."""
    placeholders = Placeholders(DETECTORS)
    text = '{"password": "hun\\"ter2"}'
    assert placeholders.redact(text) == '{"password": "<SECRET_1>"}'
    assert placeholders.redact_json(text) == '{"password": "<SECRET_2>"}'
    assert placeholders.values == {"<SECRET_1>": 'hun\\"ter2', "<SECRET_2>": 'hun"ter2'}
