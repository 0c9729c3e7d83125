#!/bin/sh
# Prints the Pythons of this machine that browserllm supports and that run, one path a line, the oldest first: from PATH,
# from pyenv and from uv, one for each version.
set -eu

shims=$(command -v python3 2>/dev/null || true)
case "$shims" in
  */shims/python3) root=${shims%/shims/python3} ;;
  *) root=${PYENV_ROOT:-${HOME:-/nowhere}/.pyenv} ;;
esac

for minor in 11 12 13 14; do
  for candidate in "$(command -v "python3.$minor" 2>/dev/null || true)" "$(command -v python3 2>/dev/null || true)" \
    "$root"/versions/3."$minor".*/bin/python3 "${HOME:-/nowhere}"/.local/share/uv/python/cpython-3."$minor".*/bin/python3; do
    if [ -x "$candidate" ] && "$candidate" -c "import sys, venv, ensurepip; sys.exit(sys.version_info[:2] != (3, $minor))" 2>/dev/null; then
      echo "$candidate"
      break
    fi
  done
done
