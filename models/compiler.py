"""The C compiler of this machine."""

import os
import shutil


def c_compiler() -> str | None:
    """The compiler that the variable CC names, else cc, gcc or clang; None without any."""
    names = (os.environ.get("CC"), "cc", "gcc", "clang")
    return next((found for name in names if name and (found := shutil.which(name))), None)
