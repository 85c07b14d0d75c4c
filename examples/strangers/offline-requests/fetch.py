"""Asks the network for something and copes without it."""

import requests

try:
    print(requests.get("http://example.invalid/", timeout=2).status_code)
except requests.exceptions.ConnectionError:
    print("no network here, as it should be")
