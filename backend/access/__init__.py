"""Who may ask for what: keys, tokens, and whether one is needed.

service.py    AccessService, which the pipeline, the endpoints and the commands call
rules.py      whether a key is needed: the settings, as plain values
keys.py       the form of a key, and what is stored of its secret
store.py      the table of keys
tokens.py     tokens of other services; key_set.py: the keys that those publish
recent.py     who sent a key or a token a moment ago
errors.py     what is refused
"""

from __future__ import annotations

from .keys import KEY_ID_PATTERN
from .rules import AccessRules, TokenRules
from .service import AccessService
from .store import StoredKey

__all__ = ["KEY_ID_PATTERN", "AccessRules", "AccessService", "StoredKey", "TokenRules"]
