#!/bin/sh
# Makes sure that Python can make virtual environments and that a browser is there. As root on Debian or Ubuntu it
# installs what is missing; anywhere else it says what to install. Prints nothing when all is well.
set -eu

python=${PYTHON:-python3}
missing=""

if ! command -v "$python" >/dev/null 2>&1; then
  missing="python3 python3-venv"
elif ! "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
  echo "error: browserllm needs Python 3.11 or newer; $python is $("$python" --version 2>&1)." >&2
  echo "Install a newer Python and run make PYTHON=/path/to/python3." >&2
  exit 1
elif ! "$python" -c 'import ensurepip, venv' >/dev/null 2>&1; then
  missing="python3-venv"
fi

has_browser() {
  [ -n "${BROWSERLLM_BROWSER:-}" ] && return 0
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

if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
  echo "installing Debian packages:$missing" >&2
  apt-get update -qq
  # shellcheck disable=SC2086  # a list of words on purpose
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >/dev/null
  exit 0
fi

echo "error: missing:$missing" >&2
echo "  Debian, Ubuntu:  sudo apt-get install$missing   (or any Chrome, Chromium, Edge or Brave)" >&2
echo "  macOS:           brew install --cask google-chrome" >&2
echo "  elsewhere:       install Google Chrome, or name a browser with BROWSERLLM_BROWSER=/path/to/browser" >&2
exit 1
