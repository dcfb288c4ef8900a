"""Where the programs of the others are: unpacked from their packages, or installed."""

import glob
import os
import shutil
import subprocess
from pathlib import Path


class Tools:
    """`others`: the directory that packages were unpacked in."""

    def __init__(self, others):
        self.others = Path(others)

    def find(self, name):
        """The path of a program, None when there is none."""
        unpacked = [str(self.others / directory) for directory in ("usr/sbin", "usr/bin")]
        return shutil.which(name, path=os.pathsep.join([*unpacked, os.environ["PATH"], "/usr/sbin", "/sbin"]))

    def paths(self, *patterns):
        """What there is of it in the packages, as a search path."""
        return os.pathsep.join(path for pattern in patterns for path in sorted(glob.glob(str(self.others / pattern))))

    def environment(self, **more):
        """For a program of theirs: with the libraries beside it."""
        return os.environ | {"LD_LIBRARY_PATH": self.paths("usr/lib/*-linux-*", "lib/*-linux-*")} | more

    def ruby_environment(self):
        return self.environment(RUBYLIB=self.paths(
            "usr/lib/ruby/vendor_ruby", "usr/lib/*/ruby/vendor_ruby/*.*.*", "usr/lib/*/rubygems-integration/*/gems/*/lib",
            "usr/lib/*/rubygems-integration/*/extensions/*/*/*", "usr/share/rubygems-integration/*/gems/*/lib"))

    def python_environment(self):
        return self.environment(PYTHONPATH=self.paths("usr/lib/python3/dist-packages"))

    def version(self, name, *arguments):
        """The first line that a program says of itself, None when it is not there."""
        program = self.find(name)
        if not program:
            return None
        try:
            done = subprocess.run(
                [program, *arguments], env=self.environment(), capture_output=True, text=True, timeout=20, check=False)
            return (done.stdout + done.stderr).strip().splitlines()[0].split(" Copyright")[0]
        except (OSError, IndexError, subprocess.SubprocessError):
            return None
