"""The shop as something to attack: ``ringfence attack --demo``.

How it is started, where each kind of attack applies, and how it is used honestly. The attacks are
Ringfence's (``ringfence.attack``), and know nothing of a shop.
"""

from ringfence_demo.target.shop import Shop

#: The entry point ``demo`` of the group ``ringfence.targets``.
TARGET = Shop()
