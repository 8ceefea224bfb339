"""Who is let in: tokens, certificates, roles and rates, in front of every RPC of a server.

`AccessSettings` says who; `Access` decides about a call; `GuardedServer` asks it before each.
"""

from sottovoce.service.access.access import Access
from sottovoce.service.access.callers import Caller, Callers, Entry
from sottovoce.service.access.callers_file import read_callers, write_callers
from sottovoce.service.access.errors import AccessError, CallersFileError
from sottovoce.service.access.guard import GuardedServer, current_caller
from sottovoce.service.access.port import add_port
from sottovoce.service.access.refusals import Refused
from sottovoce.service.access.roles import Role
from sottovoce.service.access.settings import AccessSettings
from sottovoce.service.access.tokens import new_token, token_hash

__all__ = [
    "Access",
    "AccessError",
    "AccessSettings",
    "Caller",
    "Callers",
    "CallersFileError",
    "Entry",
    "GuardedServer",
    "Refused",
    "Role",
    "add_port",
    "current_caller",
    "new_token",
    "read_callers",
    "token_hash",
    "write_callers",
]
