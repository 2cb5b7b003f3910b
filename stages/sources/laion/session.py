"""HTTP sessions that never connect to a machine of the local network, whatever address a name resolves to."""

import ipaddress
import socket
from typing import Any

from requests import Session
from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection

AGENT = "quilt1m-pipeline"


class PrivateAddress(Exception):
    """The other end of a connection is on this machine or its network."""


def open_session(private: bool) -> Session:
    """A session with our name; unless `private`, its connections raise PrivateAddress before they send anything.

    A name can resolve to a public machine when it is looked at and to another when it is connected to (DNS
    rebinding), so the address of the connection itself is checked. Proxies that the environment names are trusted.
    """
    session = Session()
    session.headers["User-Agent"] = AGENT
    if not private:
        for scheme in ("http://", "https://"):
            session.mount(scheme, _Adapter())
    return session


def is_public(address: str) -> bool:
    """Whether an IP address belongs to the open internet."""
    return ipaddress.ip_address(address.split("%")[0]).is_global


class _Guarded(HTTPConnection):
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
    ConnectionCls = _Guarded


class _PoolTLS(HTTPSConnectionPool):
    ConnectionCls = _GuardedTLS


class _Adapter(HTTPAdapter):
    def init_poolmanager(self, *args: Any, **more: Any) -> None:
        super().init_poolmanager(*args, **more)
        self.poolmanager.pool_classes_by_scheme = {"http": _Pool, "https": _PoolTLS}
