"""Texts in which nothing is a secret, and files as people paste them, with their secrets between « and »."""

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
