"""nftables, through libnftables in this process (a subprocess would cost 3 ms a call)."""

from __future__ import annotations

import ctypes
import json
import struct
import threading

from pyroute2.netlink import NETLINK_NETFILTER
from pyroute2.netlink.nfnetlink import NFNL_SUBSYS_NFTABLES, nfgen_msg
from pyroute2.netlink.nfnetlink.nftsocket import NFT_MSG_GETGEN

from netsetup.errors import NetworkError
from netsetup.isolation import Element
from netsetup.netlink import HEADER, Netlink, attributes

_STATELESS, _JSON, _TERSE = 1 << 2, 1 << 4, 1 << 11  # NFT_CTX_OUTPUT_*: no counters, no elements
_NFTA_GEN_ID = 1
_GENERATION = struct.Struct(">I")
_NFGEN_BYTES = 4


class Nft:
    """The packet filter of this namespace; calls of several threads wait for each other."""

    def __init__(self) -> None:
        self._library = _library()
        self._lock = threading.Lock()
        self._context: int | None = self._library.nft_ctx_new(0)
        self._library.nft_ctx_buffer_output(self._context)
        self._library.nft_ctx_buffer_error(self._context)

    def run(self, script: str) -> None:
        """The script has been applied as a whole.  Raises NetworkError when nothing of it was."""
        self._execute(script, 0)

    def has_table(self, family: str, table: str) -> bool:
        return f"table {family} {table}" in self.tables().splitlines()

    def tables(self) -> str:
        """Return a line `table FAMILY NAME` for each table of this namespace."""
        return self._execute("list tables", 0)

    def rules(self, family: str, table: str) -> str:
        """Return the table's sets, chains and rules, without elements and counters; "" when there is none."""
        return self._listed(family, table, _STATELESS | _TERSE)

    def elements(self, family: str, table: str) -> frozenset[Element]:
        """Return the elements of all sets of the table, none when there is no such table."""
        listed = self._listed(family, table, _STATELESS | _JSON)
        return _decode_elements(listed) if listed else frozenset()

    def close(self) -> None:
        with self._lock:
            if self._context is not None:
                self._library.nft_ctx_free(self._context)
            self._context = None

    def _listed(self, family: str, table: str, flags: int) -> str:
        """Asking whether there is such a table costs as much as listing it: only after a failure."""
        try:
            return self._execute(f"list table {family} {table}", flags)
        except NetworkError:
            if self.has_table(family, table):
                raise
            return ""

    def _execute(self, script: str, flags: int) -> str:
        with self._lock:
            if self._context is None:
                raise NetworkError("the packet filter was closed")
            self._library.nft_ctx_output_set_flags(self._context, flags)
            failed = self._library.nft_run_cmd_from_buffer(self._context, script.encode())
            output: bytes = self._library.nft_ctx_get_output_buffer(self._context)
            complaint: bytes = self._library.nft_ctx_get_error_buffer(self._context)
        if failed:
            raise NetworkError(f"nft refused the rules: {complaint.decode().strip()}")
        return output.decode()


def generation() -> int:
    """Return a number that changes whenever anybody changes rules or elements of this namespace."""
    with Netlink(NETLINK_NETFILTER) as netlink:
        kind = NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_GETGEN
        answer = netlink.get(nfgen_msg(), kind, "ask for the generation of the rules")
    if answer is None:
        raise NetworkError("the kernel has no nftables", hint="modprobe nf_tables")
    found = dict(attributes(answer, HEADER.size + _NFGEN_BYTES))
    return int(_GENERATION.unpack(found[_NFTA_GEN_ID])[0])


def _decode_elements(listed: str) -> frozenset[Element]:
    found = set()
    for entry in json.loads(listed)["nftables"]:
        for holder in (entry[kind] for kind in ("set", "map") if kind in entry):
            for listed_element in holder.get("elem", []):
                port, *rest = _key(listed_element)
                found.add(Element(holder["name"], port, tuple(rest)))
    return frozenset(found)


def _key(element: object) -> list[str]:
    """Return the parts of "port", {"concat": ["port", ...]}, or a map's ["port", value].

    One that was added by hand with a comment is wrapped: {"elem": {"val": ...}}.
    """
    match element:
        case {"elem": {"val": inner}} | {"concat": inner}:
            return _key(inner)
        case [*parts]:
            return [key for part in parts for key in _key(part)]
        case _:
            return [str(element)]


def _library() -> ctypes.CDLL:
    try:
        library = ctypes.CDLL("libnftables.so.1")
    except OSError as error:
        raise NetworkError("libnftables is not installed", hint="apt-get install nftables") from error
    library.nft_ctx_new.argtypes = [ctypes.c_uint32]
    library.nft_ctx_new.restype = ctypes.c_void_p
    for name in ("nft_ctx_buffer_output", "nft_ctx_buffer_error", "nft_ctx_free"):
        getattr(library, name).argtypes = [ctypes.c_void_p]
    for name in ("nft_ctx_get_output_buffer", "nft_ctx_get_error_buffer"):
        getattr(library, name).argtypes = [ctypes.c_void_p]
        getattr(library, name).restype = ctypes.c_char_p
    library.nft_ctx_output_set_flags.argtypes = [ctypes.c_void_p, ctypes.c_uint]
    library.nft_run_cmd_from_buffer.argtypes = [ctypes.c_void_p, ctypes.c_char_p]
    return library
