"""Stand-ins for packages that wechaty imports and this bot never calls: a web server, a scheduler, and the like.

While `standing_in` lets a block import, whatever is asked of such a package is a stand-in: imported, subclassed,
decorated with, called, part of an annotation, it gives another one. After the block, who uses one gets `StandInUsed`.
"""

import contextlib
import sys
from collections.abc import Iterator, Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any


class StandInUsed(RuntimeError):
    """A stand-in was used after the import; the text is one sentence that names it."""

    def __init__(self, what: str) -> None:
        super().__init__(f"{what} was used, but this bot imports wechaty without it (roomsync/gateway/stand_ins.py).")


class _StandIn(type):
    """What a name of such a package is: a class, for it may be a base or in an annotation. Its instances are none."""

    def __getattr__(cls, name: str) -> "_StandIn":
        if name.startswith("__"):  # Python itself asks whether there is one
            raise AttributeError(name)
        return _stand_in(f"{cls.__module__}.{cls.__qualname__}", name)

    def __call__(cls, *args: object, **kwargs: object) -> Any:
        return _stand_in(cls.__module__, cls.__qualname__)

    def __getitem__(cls, key: object) -> Any:
        return _stand_in(cls.__module__, cls.__qualname__)


def _stand_in(owner: str, name: str) -> _StandIn:
    """Return the stand-in `name` of the package, module or class `owner`. Raises `StandInUsed` after the import."""
    if not any(isinstance(finder, _Finder) for finder in sys.meta_path):
        raise StandInUsed(f"{owner}.{name}")
    return _StandIn(name, (), {"__module__": owner})


class _Finder(MetaPathFinder, Loader):
    """Finds every module of some packages, and loads nothing: each of its names is a stand-in."""

    def __init__(self, packages: Sequence[str]) -> None:
        self.packages = packages

    def find_spec(self, fullname: str, path: object = None, target: object = None) -> ModuleSpec | None:
        """Take the import of a module of these packages, and leave all others."""
        is_ours = fullname.partition(".")[0] in self.packages
        return ModuleSpec(fullname, self, is_package=True) if is_ours else None

    def exec_module(self, module: ModuleType) -> None:
        """Give the module what Python asks for the names that a module does not have (PEP 562)."""

        def missing(name: str) -> _StandIn:
            if name.startswith("__"):
                raise AttributeError(name)
            return _stand_in(module.__name__, name)

        module.__dict__["__getattr__"] = missing

    def take_modules(self) -> dict[str, ModuleType]:
        """Take these packages out of what is imported, and return them."""
        names = [name for name in sys.modules if name.partition(".")[0] in self.packages]
        return {name: sys.modules.pop(name) for name in names}


@contextlib.contextmanager
def standing_in(packages: Sequence[str]) -> Iterator[None]:
    """Let a block import what imports these packages. After it, who imports them gets the real ones."""
    finder = _Finder(packages)
    real = finder.take_modules()
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)
        finder.take_modules()
        sys.modules.update(real)
