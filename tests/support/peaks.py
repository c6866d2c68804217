"""What a piece of Python holds at most, in a process of its own."""

import subprocess
import sys
from pathlib import Path

# VmHWM, not getrusage: what that tells of a new process is its parent's peak too.
WHOLE = """
import sys
from pathlib import Path

def peak():
    told = Path("/proc/self/status").read_text().partition("VmHWM:")[2]
    return int(told.split()[0]) // 1024

{imports}
source = sys.argv[1]
before = peak()
try:
    {does}
except Exception as error:
    result = f"{{type(error).__name__}}: {{error}}"
print(result, peak() - before, sep="\\n")
"""


def peak_mb(imports: str, does: str, source: Path) -> tuple[str, int]:
    """(`result`, MB above the process at rest) of one line that sets `result` by `source`, or what
    it raises."""
    code = WHOLE.format(imports=imports, does=does)
    done = subprocess.run(
        [sys.executable, "-c", code, str(source)], capture_output=True, text=True, check=True
    )
    result, mb = done.stdout.strip().rsplit("\n", 1)
    return result, int(mb)
