"""The control API."""

import json
import os
import urllib.request


def pass_time(duration):
    """The emulated time goes forward."""
    url = f"{os.environ['AZLET_ENDPOINT']}/_azlet/clock"
    body = json.dumps({"advance": duration}).encode()
    request = urllib.request.Request(url, body, {"content-type": "application/json"})
    urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request).close()
