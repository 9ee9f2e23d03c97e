"""A process of its own that writes to the shop: `customer.py STORE LOG KILLED ACTION ARGUMENTS REFERENCE...`.

It says "ready", waits for a line, performs the action under each reference at once, and prints what became of each.
"""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path

from effects.shop import Vendor
from newfuse.effects import Ledger
from newfuse.store import Store


async def main(store: str, log: str, killed: str, action: str, arguments: str, *references: str) -> None:
    ledger = Ledger(Store(Path(store)))

    async def slowly(_: object) -> None:
        await asyncio.sleep(0)  # both processes get their turn while a request is in the air

    vendor = Vendor(Path(log), killed=killed or None, answer=slowly)
    async with vendor.shop(ledger) as shop:
        print("ready", flush=True)
        sys.stdin.readline()
        given = json.loads(arguments)
        if action == "put_many":
            performed = await shop.perform_batch(action, given, references=references)
        else:
            performed = await asyncio.gather(*(shop.perform(action, given, reference=one) for one in references))
    ledger.owner.release()
    await ledger.store.close()
    print(json.dumps([one.status for one in performed]))


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
