"""A person at a browser, as far as signing in needs one: opens a page, fills in its form, goes where the answer leads.

    browser.py URL [NAME=VALUE…]     signs in as the user of the seed world; NAME=VALUE fills in more fields
"""

import html.parser
import sys
import urllib.error
import urllib.parse
import urllib.request


class Forms(html.parser.HTMLParser):
    """The forms of a page: where each goes, and its fields."""

    def __init__(self, page):
        super().__init__()
        self.all = []
        self.feed(page)

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        if tag == "form":
            self.all.append((attributes["action"], {}))
        if tag == "input" and self.all:
            self.all[-1][1][attributes["name"]] = attributes.get("value", "")


def visit(url, fields=None):
    """The page behind a URL, and where it is after all redirects."""
    data = None if fields is None else urllib.parse.urlencode(fields).encode()
    try:
        answer = urllib.request.urlopen(urllib.request.Request(url, data), timeout=20)
    except urllib.error.HTTPError as error:
        answer = error
    with answer:
        return answer.url, answer.read().decode()


def main(url, *typed):
    typed = dict(field.split("=", 1) for field in typed)
    url, page = visit(url)
    for _ in range(3):
        forms = Forms(page).all
        if not forms:
            break
        action, fields = forms[0]
        url, page = visit(urllib.parse.urljoin(url, action), {**fields, **typed})
    print(page)


main(*sys.argv[1:])
