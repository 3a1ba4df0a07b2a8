"""grpc and etcd3's generated messages, imported quietly; the rest of the package takes them from here."""

from __future__ import annotations

import os
import warnings

# grpc reads it once, while it is imported: its C core logs to stderr, in a process that may own a terminal.
os.environ.setdefault("GRPC_VERBOSITY", "NONE")

with warnings.catch_warnings():
    # etcd3's messages were generated for an older protobuf than 3.20, which says so once for each of them.
    warnings.simplefilter("ignore", DeprecationWarning)
    import grpc
    from etcd3 import etcdrpc

__all__ = ["etcdrpc", "grpc"]
