"""`bench.sh race`: how soon the race of notebook 00 moves, and how long all of it takes."""

import asyncio
import resource

from ..probing.race import Race


def measure():
    before = cpu_seconds()
    race = Race()
    asyncio.run(race.run(lambda race: None))
    print(
        f"The first lane moved after {race.moved_after:.1f} s, and all took {race.seconds:.0f} s,"
    )
    print(f"of which {cpu_seconds() - before:.0f} s of CPU time.")
    print("\n".join(race.reasons()), end="")


def cpu_seconds():
    """Of this process, and of all that it has started and that have ended."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used)
