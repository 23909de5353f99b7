"""Files to upload: a picture, and what only says that it is one."""

from ringfence_demo.pictures import draw

PNG = draw((200, 100, 50))

#: Name, content, stated type.
ACTIVE = (
    (
        "a.svg",
        b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>',
        "image/svg+xml",
    ),
    ("a.html", b"<!doctype html><script>alert(1)</script>", "text/html"),
    ("a.png", b"\x89PNG\r\n\x1a\n<script>alert(1)</script>", "image/png"),
    ("a.js", b"alert(1)", "text/javascript"),
)
