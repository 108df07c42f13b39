"""What the scripts on registries' tools sign in with: makes a registry and prints its passwords, one a line, as `NAME value`.

By HTTP, since az has scripts of its own and takes seconds for what takes none.
"""

import json
import os
import sys
import urllib.error
import urllib.parse
import urllib.request

SUBSCRIPTION = os.environ["AZURE_SUBSCRIPTION_ID"]
GROUP = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/group"
LIMITED = ["repositories/team/other/content/read", "repositories/team/other/metadata/read"]


def ask(method, url, body, headers):
    """The answer's headers and its JSON."""
    request = urllib.request.Request(url, body and body.encode(), headers, method=method)
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return answer.headers, json.loads(answer.read() or b"null")
    except urllib.error.HTTPError as error:
        sys.exit(f"{method} {url}: {error.code} {error.read().decode()}")


def post_form(url, **form):
    headers = {"content-type": "application/x-www-form-urlencoded"}
    return ask("POST", url, urllib.parse.urlencode(form), headers)[1]


def entra_token(resource):
    url = f"https://login.microsoftonline.com/{os.environ['AZURE_TENANT_ID']}/oauth2/v2.0/token"
    client, secret = os.environ["AZURE_CLIENT_ID"], os.environ["AZURE_CLIENT_SECRET"]
    form = {"client_id": client, "client_secret": secret, "scope": f"{resource}/.default"}
    return post_form(url, grant_type="client_credentials", **form)["access_token"]


class Arm:
    """ARM, for one caller."""

    def __init__(self):
        token = entra_token("https://management.azure.com")
        self.headers = {"authorization": f"Bearer {token}", "content-type": "application/json"}

    def __call__(self, method, path, body=None, version="2025-11-01"):
        url = f"https://management.azure.com{path}?api-version={version}"
        headers, answer = ask(method, url, json.dumps(body or {}), self.headers)
        while answer is None and headers["location"]:
            headers, answer = ask("GET", headers["location"], None, self.headers)
        return answer


def main(name):
    arm = Arm()
    registry = f"{GROUP}/providers/Microsoft.ContainerRegistry/registries/{name}"
    properties = {"adminUserEnabled": True, "anonymousPullEnabled": "--anonymous" in sys.argv}
    arm("PUT", GROUP, {"location": "eastus"}, "2021-04-01")
    arm("PUT", registry, {"location": "eastus", "sku": {"name": "Premium"}, "properties": properties})
    print("ADMIN", arm("POST", f"{registry}/listCredentials")["passwords"][0]["value"])

    arm("PUT", f"{registry}/scopeMaps/limited", {"properties": {"actions": LIMITED}})
    arm("PUT", f"{registry}/tokens/limited", {"properties": {"scopeMapId": f"{registry}/scopeMaps/limited"}})
    made = arm("POST", f"{registry}/generateCredentials", {"tokenId": f"{registry}/tokens/limited"})
    print("LIMITED", made["passwords"][0]["value"])

    # What `az acr login --expose-token` prints.
    host, token = f"{name}.azurecr.io", entra_token("https://containerregistry.azure.net")
    refresh = post_form(f"https://{host}/oauth2/exchange", grant_type="access_token", service=host, access_token=token)
    print("REFRESH", refresh["refresh_token"])


if __name__ == "__main__":
    main(sys.argv[1])
