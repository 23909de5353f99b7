"""What the docs ask of curl, where the machine has none: ``curl -s URL [-H HEADER] [-d BODY]``."""

import sys
from argparse import ArgumentParser
from urllib.error import HTTPError
from urllib.request import Request, urlopen

parser = ArgumentParser()
parser.add_argument("url")
parser.add_argument("-s", action="store_true", help="say nothing beside the answer")
parser.add_argument("-H", action="append", dest="headers", default=[])
parser.add_argument("-d", dest="body", type=str.encode)
asked = parser.parse_args()
headers = dict(header.split(": ", 1) for header in asked.headers)
try:
    with urlopen(Request(asked.url, asked.body, headers)) as answer:  # noqa: S310  # the docs' own addresses
        sys.stdout.write(answer.read().decode())
except HTTPError as error:
    with error:
        sys.stdout.write(error.read().decode())
