"""The composition root: ``Ringfence`` puts the layers around one application."""

from ringfence.stack.ringfence import Ringfence

__all__ = ["Ringfence"]
