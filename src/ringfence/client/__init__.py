"""A client of the auth service in Python: for tests, scripts and the back ends of mobile apps.

    with Client("https://shop.example") as client:
        client.sign_in("alice@example.com", password)
        orders = client.request("GET", "/orders").json()

The password stays in this process: what is sent is the key that Argon2id makes of it. Access
tokens are renewed when they must be, refresh tokens rotate, and both stay in memory.
``docs/clients.md`` says how to write a client in any other language.
"""

from ringfence.client.clients import AsyncClient, Client
from ringfence.client.derive import KdfRefused
from ringfence.client.steps import Problem, SecondFactorNeeded

__all__ = ["AsyncClient", "Client", "KdfRefused", "Problem", "SecondFactorNeeded"]
