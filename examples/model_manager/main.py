"""Which models fit this device, and a download that is paused and goes on."""

import argparse
import asyncio

import browserllm as bl


async def main(name: str, address: str | None) -> None:
    """Recommend models; then download, load, measure and free one."""
    async with bl.connect() as host:
        models = bl.ModelManager(host)
        models.subscribe(lambda event: print(f"  event: {event.kind} {event.model or ''}"))

        tiers = await models.tiers()
        for tier, choice in (("quick", tiers.quick), ("smart", tiers.smart), ("genius", tiers.genius)):
            print(f"{tier}: {choice.card.id} ({choice.reason})")

        if address is not None:  # a model of your own: a folder of this machine, or a server
            name = (await models.add(address)).id
        download = await models.start_download(name)
        paused = False
        async for progress in download:
            if progress.loaded_bytes:
                print(f"{progress.phase}: {progress.loaded_bytes:,} of {progress.total_bytes or 0:,} bytes")
                if not paused:  # nothing is lost: it goes on from this byte
                    paused = True
                    download.pause()
                    print("paused")
                    download.resume()
        print(f"{name}: {(await download).fetched_bytes:,} bytes were fetched")

        loaded = await models.load(name)
        print(f"{loaded.model} runs on {loaded.engine}, {loaded.device}")
        storage = await models.storage()
        print(f"models take {storage.models_bytes:,} bytes, {storage.available_bytes or 0:,} are free")
        await models.unload(name)
        if address is not None:
            print(f"deleted: {await models.delete(name):,} bytes")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", nargs="?", default="pocket", help="a model of the catalog")
    parser.add_argument("--address", help="the folder or address of a model of your own")
    given = parser.parse_args()
    asyncio.run(main(given.model, given.address))
