#!/usr/bin/env bash
# nbformat: in every Jupyter environment `import nbformat` builds 39 parsers that nobody asked for.
# shellcheck source=SCRIPTDIR/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
# jupyter-events, which Jupyter Server needs, asks for jsonschema[format-nongpl]: so it is there.
install nbformat==5.11.1 jsonschema==4.26.0 jupyter-events==0.12.1 rfc3987-syntax==1.1.0 lark==1.3.1
run_program <<'PYTHON'
import subprocess
import sys
import time

import lark

built, build = 0, lark.Lark.__init__


def counted(*arguments, **options):
    global built
    built += 1
    build(*arguments, **options)


def seconds(code):
    began = time.perf_counter()
    subprocess.run([sys.executable, "-c", code], check=True)
    return time.perf_counter() - began


without = "import sys; sys.modules['rfc3987_syntax'] = None; import nbformat"
times = [min(seconds(code) for _ in range(3)) for code in ("import nbformat", without)]
lark.Lark.__init__ = counted
import nbformat  # noqa: E402

print("expected: parsers of addresses (RFC 3987) are built when an address is to be checked, if ever")
print(f"seen: import nbformat {nbformat.__version__} builds {built} of them")
print(f"      it takes {times[0]:.2f} s on this machine, and {times[1]:.2f} s without that package")
if built != 39:
    sys.exit("Changed: another number of parsers is built.")
PYTHON
