"""Honest use"""

from ringfence.attack.ablation import Benign
from ringfence.attack.ground import Ground


async def check_all(ground: Ground) -> Benign:
    return Benign(passed=0)
