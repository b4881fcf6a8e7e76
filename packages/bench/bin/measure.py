"""Runs a command and writes what it cost, all its descendants included, to a JSON file.

usage: measure.py RESULT COMMAND [ARGUMENT ...]

Times are seconds; the two clock readings are seconds since 1970, taken right before the start and right after the end.
The peak of the resident memory is that of the largest process of the tree.
"""

import ctypes
import json
import os
import resource
import signal
import subprocess
import sys
import time

PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36
LINUX = sys.platform.startswith("linux")


def prctl(option, value):
    if LINUX:
        ctypes.CDLL(None).prctl(option, value, 0, 0, 0)


def die_with_parent():
    prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def main(result_file, command):
    die_with_parent()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    prctl(PR_SET_CHILD_SUBREAPER, 1)  # descendants that outlive their parent are waited for, and so counted, too
    started = time.time()
    child = subprocess.Popen(command, preexec_fn=die_with_parent)
    try:
        code = child.wait()
    except BaseException:
        child.kill()
        child.wait()
        raise
    ended = time.time()
    try:
        while True:
            os.wait()
    except ChildProcessError:
        pass
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    result = {
        "exitCode": code,
        "startedAt": started,
        "endedAt": ended,
        "userSeconds": usage.ru_utime,
        "systemSeconds": usage.ru_stime,
        "peakRssBytes": usage.ru_maxrss * (1024 if LINUX else 1),
    }
    with open(result_file, "w") as file:
        json.dump(result, file)


main(sys.argv[1], sys.argv[2:])
