"""What type checkers take MXNet for: MXNet 1.9.1 has no types of its own.

The classes that the public names of gluongan take and return are described; everything else is Any.
"""

from types import TracebackType
from typing import Any

from . import autograd as autograd
from . import gluon as gluon
from . import nd as nd
from . import sym as sym

__version__: str

class MXNetError(Exception): ...

class Context:
    def __init__(self, device_type: str | Context, device_id: int = 0) -> None: ...
    @property
    def device_type(self) -> str: ...
    device_id: int
    def __enter__(self) -> Context: ...
    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None: ...

def cpu(device_id: int = 0) -> Context: ...
def gpu(device_id: int = 0) -> Context: ...
def __getattr__(name: str) -> Any: ...
