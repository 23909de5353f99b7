"""Where attacks apply outside of the shop's handlers: what ``hurried`` adds, keys, settings."""

import asyncio
import json
import sys
from asyncio.subprocess import PIPE
from collections.abc import Mapping, Sequence
from typing import ClassVar, Final

from joserfc import jws
from joserfc.jwk import ECKey

from ringfence.attack.ground import Ground
from ringfence.attack.place import Place
from ringfence.attack.places import (
    Artefacts,
    EchoedHeader,
    ForgottenRoutes,
    MethodOverride,
    SignedElsewhere,
    Starts,
)
from ringfence.attack.unproven import require
from ringfence_demo.hurried import LEFT_BEHIND

#: In ``contract.txt``, above the folder of the pictures.
CONTRACT: Final = "canary-file-contract"


class Deployment(Artefacts):
    """The folder of the deployment, which ``hurried`` mounts; the public one; documentation."""

    undeclared: ClassVar = {
        **{f"/files/{name}": text for name, text in LEFT_BEHIND.items()},
        "/files/contract.txt": CONTRACT,
        "/openapi.json": "/debug/orders",
        "/docs": "openapi.json",
    }
    published: ClassVar = {f"/static/{name}": text for name, text in LEFT_BEHIND.items()}
    linked: ClassVar = {"/static/shared/contract.txt": CONTRACT}
    public = "/static/shop.css"


class LateRoutes(ForgottenRoutes):
    """What ``hurried`` adds: a decorator's way, in a router, in an application of its own."""

    paths = ("/debug/orders", "/internal/orders", "/reports/orders")


class FormHelper(MethodOverride):
    """What ``hurried`` puts in front of the handlers, for forms."""

    header, parameter = "X-HTTP-Method-Override", "_method"


class Language(EchoedHeader):
    """The language that a link names, which ``hurried`` tells in a header and a cookie."""

    path, parameter, header, honest = "/products", "lang", "content-language", "de"


class SameKeys(SignedElsewhere):
    """What another service signs that was given the shop's folder of keys."""

    def signed(
        self, ground: Ground, header: Mapping[str, object], claims: Mapping[str, object]
    ) -> str:
        (file,) = (ground.site.folder / "keys").glob("signing-*.pem")
        payload = json.dumps(claims, separators=(",", ":"))
        key = ECKey.import_key(file.read_bytes())
        return jws.serialize_compact(dict(header), payload, key, ["ES256"])


class Startup(Starts):
    """A shop that needs a secret of its own, and a mail server's password."""

    honest: ClassVar = {
        "SHOP_SECRET": "Lw2cVbWzq3ky0sUQ",
        "RINGFENCE_MAIL": "smtps://shop:Lw2cVbWzq3ky0sUQ@mail.example",
    }
    weak: ClassVar = {
        "a secret that everybody knows": {"SHOP_SECRET": "changeme"},
        "no secret": {"SHOP_SECRET": ""},
        "a mail server's password": {"RINGFENCE_MAIL": "smtps://admin:admin@mail.example"},
    }

    async def said(
        self, ground: Ground, environments: Sequence[Mapping[str, str]]
    ) -> Sequence[str | None]:
        off = ",".join(sorted(ground.site.configuration.off))
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "ringfence_demo.starts", "--off", off, stdin=PIPE, stdout=PIPE
        )
        output, _ = await process.communicate(json.dumps(environments).encode())
        require(process.returncode == 0, "the shop cannot be tried")
        said: list[str | None] = json.loads(output)
        return said


AROUND: Final[tuple[Place, ...]] = (
    Deployment(),
    LateRoutes(),
    FormHelper(),
    Language(),
    SameKeys(),
    Startup(),
)
