"""Puts the request context into every transaction in which a Django application writes to PostgreSQL.

Settings: add "dossier_context.RequestContextMiddleware" to MIDDLEWARE after the authentication middleware, and import this
module when Django starts (the middleware does). Works with psycopg 3 and psycopg2, from Django 4.2.
"""

import json
import re
import uuid
from contextlib import contextmanager
from contextvars import ContextVar

from django.conf import settings
from django.db import connections, transaction
from django.db.backends.signals import connection_created

PREFIX = "dossier.context"
IDLE, FAILED = 0, 3  # libpq's transaction status, the same in psycopg 3 and psycopg2
REQUEST_ID = re.compile(r"[A-Za-z0-9._~:+/=@-]{1,128}")
# These change no rows. SET must also stay first in its transaction.
READS = re.compile(r"\s*(select|show|explain|set|savepoint|release|declare|fetch|close)\b", re.I)
# These change rows, and may run within a transaction block.
WRITES = re.compile(r"\s*(insert|update|delete|merge|with|truncate)\b", re.I)
ROLLBACK_TO = re.compile(r"\s*rollback\s+to\b", re.I)

_current = ContextVar("dossier_context", default=None)


class _Scope:
    """One request's or job's context. Its identity tells whether a transaction has it already."""

    def __init__(self, describe):
        self.describe = describe


@contextmanager
def request_context(describe):
    """Everything written within the block gets this context: a dict, or a function that gives one when it is first needed.

    For jobs and commands: with request_context({"service": "nightly", "initiator": "system"}): ...
    """
    for connection in connections.all(initialized_only=True):
        _install(None, connection)  # one that was opened before this module was imported
    token = _current.set(_Scope(describe if callable(describe) else lambda: describe))
    try:
        yield
    finally:
        _current.reset(token)


def attach(using="default"):
    """Sends the context now, if the open transaction lacks it: before a SELECT whose function writes, or a COPY."""
    connection = connections[using]
    connection.ensure_connection()
    _send(connection)


class RequestContextMiddleware:
    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        given = request.headers.get("X-Request-Id", "")
        request_id = given if REQUEST_ID.fullmatch(given) else str(uuid.uuid4())
        with request_context(lambda: describe(request, request_id)):
            response = self.get_response(request)
        response["X-Request-Id"] = request_id
        return response


def describe(request, request_id):
    """The context of a request, made when it first writes: by then a view may have authenticated its user."""
    context = {
        "request_id": request_id,
        "correlation_id": request_id,
        "service": getattr(settings, "DOSSIER_SERVICE", "django"),
        # Behind a proxy this is the proxy, unless the server resolves it for the proxies that you trust.
        "ip": request.META.get("REMOTE_ADDR", ""),
        "user_agent": request.headers.get("User-Agent", "")[:1024],
    }
    user = getattr(request, "user", None)
    if user is not None and user.is_authenticated:
        context["user"] = {"id": str(user.pk), "name": user.get_username(), "email": getattr(user, "email", "")}
        context["initiator"] = "user"
    return context


def _wrapper(execute, sql, params, many, context):
    connection = context["connection"]
    text = sql if isinstance(sql, str) else ""
    if ROLLBACK_TO.match(text):
        # A context that was sent after the savepoint is gone with it: send it again before the next write.
        connection.dossier_sent = None
    elif _current.get() is not None and not READS.match(text):
        if not connection.get_autocommit():
            _send(connection)
        elif WRITES.match(text):
            # Outside atomic() each statement is a transaction of its own, and the message would be one too.
            with transaction.atomic(using=connection.alias):
                _send(connection)
                return execute(sql, params, many, context)
    return execute(sql, params, many, context)


def _send(connection):
    scope = _current.get()
    status = connection.connection.info.transaction_status
    if status == IDLE:  # psycopg sends BEGIN before the next statement: what was sent belongs to an earlier transaction
        connection.dossier_sent = None
    if scope is None or status == FAILED or getattr(connection, "dossier_sent", None) is scope:
        return
    connection.dossier_sent = scope  # first, since describe may ask the database for the user
    try:
        message = json.dumps(scope.describe()).replace("\\u0000", "\\ufffd")
        with connection.connection.cursor() as cursor:
            cursor.execute("SELECT pg_logical_emit_message(true, %s::text, %s::text)", [PREFIX, message])
    except BaseException:
        connection.dossier_sent = None
        raise


def _install(sender, connection, **kwargs):
    if connection.vendor == "postgresql" and _wrapper not in connection.execute_wrappers:
        connection.execute_wrappers.append(_wrapper)


connection_created.connect(_install, dispatch_uid="dossier_context")
