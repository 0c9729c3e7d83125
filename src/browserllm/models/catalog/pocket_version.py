"""The version of the pocket model in this package. Written by models/pocket/manifest.py; do not edit."""

POCKET_VERSION = "04c4feeaac48"
