"""HTTP sessions that never connect to a machine of the local network, whatever address a name resolves to, and that
wait for no answer for ever. Each request needs a time-out."""

import ipaddress
import socket
import threading
from contextlib import suppress
from typing import Any, ClassVar

from requests import Session
from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection

AGENT = "quilt1m-pipeline"
WHOLE = 4  # times the seconds without a byte that the head of an answer, or all of an image, may take


class PrivateAddress(Exception):
    """The other end of a connection is on this machine or its network."""


def open_session(private: bool) -> Session:
    """A session with our name; unless `private`, its connections raise PrivateAddress before they send anything.

    A name can resolve to a public machine when it is looked at and to another when it is connected to (DNS
    rebinding), so the address of the connection itself is checked. Proxies that the environment names are trusted.
    """
    session = Session()
    session.headers["User-Agent"] = AGENT
    for scheme in ("http://", "https://"):
        session.mount(scheme, _Adapter() if private else _GuardedAdapter())
    return session


def is_public(address: str) -> bool:
    """Whether an IP address belongs to the open internet."""
    return ipaddress.ip_address(address.split("%")[0]).is_global


class _Timed(HTTPConnection):
    def getresponse(self) -> Any:
        """The head of an answer. Its bytes may come one by one, each in time: then the connection is cut, and a
        TimeoutError raised."""
        late = threading.Event()

        def cut() -> None:
            late.set()
            with suppress(OSError):  # it has ended by itself
                socket.socket.shutdown(self.sock, socket.SHUT_RDWR)

        timer = threading.Timer(WHOLE * float(self.timeout or 0), cut)
        timer.daemon = True
        timer.start()
        try:
            return super().getresponse()
        finally:
            timer.cancel()
            if late.is_set():
                raise TimeoutError("the head of the answer took too long")


class _TimedTLS(_Timed, HTTPSConnection):
    pass


class _Guarded(_Timed):
    def _new_conn(self) -> socket.socket:
        made = super()._new_conn()
        address = made.getpeername()[0]
        if not is_public(address):
            made.close()
            raise PrivateAddress(f"{self.host} is {address}")
        return made


class _GuardedTLS(_Guarded, HTTPSConnection):
    pass


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Timed


class _PoolTLS(HTTPSConnectionPool):
    ConnectionCls = _TimedTLS


class _GuardedPool(HTTPConnectionPool):
    ConnectionCls = _Guarded


class _GuardedPoolTLS(HTTPSConnectionPool):
    ConnectionCls = _GuardedTLS


class _Adapter(HTTPAdapter):
    pools: ClassVar[dict[str, type[HTTPConnectionPool]]] = {"http": _Pool, "https": _PoolTLS}

    def init_poolmanager(self, *args: Any, **more: Any) -> None:
        super().init_poolmanager(*args, **more)
        self.poolmanager.pool_classes_by_scheme = self.pools


class _GuardedAdapter(_Adapter):
    pools: ClassVar = {"http": _GuardedPool, "https": _GuardedPoolTLS}
