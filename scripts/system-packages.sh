#!/bin/sh
# Makes sure that Python, its venv module and a browser are there, and the programs that the arguments name. As root on
# Debian or Ubuntu it installs what is missing; anywhere else it says in one line what to type. Prints nothing when all is
# well. It comes before anything is downloaded.
set -eu

python=${PYTHON:-python3}
missing=""

for program in "$@"; do
  command -v "$program" >/dev/null 2>&1 || missing="$missing $program"
done

if ! command -v "$python" >/dev/null 2>&1; then
  if [ "$python" != python3 ]; then
    echo "error: PYTHON=$python is not a program that can be run; type: make run PYTHON=/path/to/python3.11 (or newer)" >&2
    exit 1
  fi
  missing="$missing python3 python3-venv"
elif ! "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
  version=$("$python" --version 2>&1 | head -n 1)
  echo "error: browserllm needs Python 3.11 or newer, and $python is $version; type: make run PYTHON=/path/to/python3.11 (or newer)" >&2
  exit 1
elif ! "$python" -c 'import ensurepip, venv' >/dev/null 2>&1; then
  missing="$missing python3-venv"
fi

has_browser() {
  if [ -n "${BROWSERLLM_BROWSER:-}" ]; then
    command -v "$BROWSERLLM_BROWSER" >/dev/null 2>&1 && return 0
    echo "error: BROWSERLLM_BROWSER=$BROWSERLLM_BROWSER is not a program that can be run; type: unset BROWSERLLM_BROWSER" >&2
    exit 1
  fi
  for name in chromium chromium-browser google-chrome google-chrome-stable chrome microsoft-edge microsoft-edge-stable brave-browser; do
    command -v "$name" >/dev/null 2>&1 && return 0
  done
  for app in "Google Chrome" "Chromium" "Microsoft Edge" "Brave Browser"; do
    [ -d "/Applications/$app.app" ] && return 0
  done
  return 1
}
has_browser || missing="$missing chromium"

[ -z "$missing" ] && exit 0
missing=${missing# }

if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
  echo "installing Debian packages: $missing" >&2
  apt-get update -qq
  # shellcheck disable=SC2086  # a list of words on purpose
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >/dev/null
  exit 0
fi

# What the packages are called elsewhere; venv is part of Python there.
sudo="sudo "
[ "$(id -u)" = 0 ] && sudo=""
elsewhere=$(echo "$missing" | sed 's/ *python3-venv//; s/^ //')
if command -v apt-get >/dev/null 2>&1; then
  command="${sudo}apt-get install $missing"
elif command -v dnf >/dev/null 2>&1; then
  command="${sudo}dnf install $elsewhere"
elif command -v pacman >/dev/null 2>&1; then
  command="${sudo}pacman -S $(echo "$elsewhere" | sed 's/python3/python/')"
elif command -v zypper >/dev/null 2>&1; then
  command="${sudo}zypper install $elsewhere"
elif command -v apk >/dev/null 2>&1; then
  command="${sudo}apk add $elsewhere"
elif command -v brew >/dev/null 2>&1; then
  command="brew install $(echo "$elsewhere" | sed 's/chromium/google-chrome/')"
else
  hint=""
  case " $missing " in *" chromium "*) hint=" (any Chromium, Chrome, Edge or Brave will do: BROWSERLLM_BROWSER=/path/to/browser names one)" ;; esac
  echo "error: missing: $missing; install what is missing with this system's package manager$hint" >&2
  exit 1
fi
echo "error: missing: $missing; type: $command" >&2
exit 1
