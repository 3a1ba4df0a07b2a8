"""The daemon that keeps a cloud as its operators asked for it.

Law: this is the only package that composes. docker is imported in manager.engine only, etcd3 in
manager.store only; decisions (manager.plan) are functions of values; the shell may import manager.api
and nothing else.
"""
