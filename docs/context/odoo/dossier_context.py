"""Puts the request context into every transaction that Odoo commits.

An addon: this file as its __init__.py, and in its __manifest__.py
    {"name": "Dossier context", "version": "1.0", "depends": ["base"], "post_load": "post_load"}
Load it with --load=base,web,dossier_context, so that it is there for every database and for scheduled jobs. Odoo 14 or newer.

The message is sent just before COMMIT, and only if the transaction has written: Odoo's cursor sends no BEGIN of its own, opens
savepoints freely, runs precommit hooks at every flush, and repeats a request that met a serialization failure. At COMMIT all of
that is over. A change takes the first context of its transaction where none stands before it.
"""

import functools
import json
import threading

PREFIX = "dossier.context"
# Without a transaction number nothing was written, and a message would make a writer of a reader.
SEND = """SELECT pg_logical_emit_message(true, %s::text, %s::text)
          WHERE pg_current_xact_id_if_assigned() IS NOT NULL"""


def current_context():
    from odoo.http import request

    uid = getattr(threading.current_thread(), "uid", None)  # kept by Odoo for its requests and remote calls
    context = {"service": "odoo", "initiator": "user" if uid else "system"}
    if uid:
        context["user"] = {"id": str(uid)}
    if request:
        http = request.httprequest
        context["ip"] = http.remote_addr or ""  # the client, not the proxy, if Odoo runs with --proxy-mode
        context["user_agent"] = str(http.user_agent)[:1024]
        request_id = http.headers.get("X-Request-Id", "")[:128]
        if request_id:
            context["request_id"] = context["correlation_id"] = request_id
        if uid and getattr(request.session, "uid", None) == uid and getattr(request.session, "login", None):
            context["user"]["name"] = request.session.login
    return context


def post_load():
    from odoo.sql_db import Cursor

    commit = Cursor.commit

    @functools.wraps(commit)
    def commit_with_context(self):
        self.flush()  # what the ORM still holds back, and the precommit hooks: they write too
        message = json.dumps(current_context()).replace("\\u0000", "\\ufffd")
        self.execute(SEND, (PREFIX, message))
        return commit(self)

    Cursor.commit = commit_with_context
