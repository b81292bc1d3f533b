"""What may leave the machine: host names, absolute paths, log lines and sample names are taken out of a sheet.

Names of graph nodes look like paths ("/layer1/conv1/Conv"): those that the model really holds are kept.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from workbench.errors import SheetError

HOST_MARK = "[host]"
PRIVATE_FACT_KEYS = frozenset(
    {"host", "hostname", "host_name", "node", "node_name", "fqdn", "user", "username", "user_name", "home", "cwd", "ip"}
)
_HOME = re.compile(r"/(?:home|Users)/[^\n\"':;]*/(?P<last>[^\s\"':;,)\]]+)")
_POSIX = re.compile(r"(?<![\w:/.~\]])/(?:[^\s/\"':;,()\[\]]+/)+(?P<last>[^\s/\"':;,()\[\]]*)")
_WINDOWS = re.compile(r"(?<![A-Za-z])(?:[A-Za-z]:[\\/]|\\\\)(?:[^\\/\n\"':;]+[\\/])*(?P<last>[^\s\\/\"':;,)]*)")
_TILDE = re.compile(r"(?<!\w)~\w*/(?:[^\s/]+/)*(?P<last>[^\s/\"':;,)]*)")
_COMMON_HOSTS = frozenset({"localhost", "localhost.localdomain", "host", "linux", "debian", "ubuntu"})


@dataclass(frozen=True)
class Scrubber:
    """Removes host names and absolute paths from text.

    Attributes:
        hosts: names of this machine; each is replaced by "[host]" wherever it stands as a word.
        keep: exact words that look like paths and are none, such as node names.
        paths: whether absolute paths are shortened to their last part.
    """

    hosts: tuple[str, ...]
    keep: frozenset[str]
    paths: bool = True

    def text(self, value: str) -> str:
        """Return `value` without host names and absolute paths."""
        for host in self.hosts:
            value = re.sub(rf"(?<![\w-]){re.escape(host)}(?![\w-])", HOST_MARK, value, flags=re.IGNORECASE)
        if not self.paths:
            return value
        value = value.replace("file://", "")
        for pattern in (_HOME, _POSIX, _WINDOWS, _TILDE):
            value = pattern.sub(self._last_part, value)
        return value

    def document(self, value: Any) -> Any:
        """Return a JSON value with every string in it cleaned, keys included."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, Mapping):
            return {self.text(str(key)): self.document(item) for key, item in value.items()}
        if isinstance(value, list | tuple):
            return [self.document(item) for item in value]
        return value

    def refuse_leaks(self, value: Any) -> None:
        """Raise SheetError where a host name or an absolute path is still in a document."""
        for text in _strings(value):
            if self.text(text) != text:
                raise SheetError("The sheet would carry a host name or an absolute path", why=repr(text[:80]))

    def _last_part(self, match: re.Match[str]) -> str:
        if match.group(0) in self.keep:
            return match.group(0)
        return match.group("last") or "[path]"


def own_hosts() -> tuple[str, ...]:
    """Return the names of this machine that are telling enough to be looked for (four letters or more)."""
    full = socket.gethostname()
    names = {full, full.split(".")[0]}
    return tuple(sorted(name for name in names if len(name) >= 4 and name.lower() not in _COMMON_HOSTS))


def public_facts(facts: Mapping[str, str], *, keep_host: bool = False) -> dict[str, str]:
    """Return facts of a machine without those that name it, its user or its folders."""
    if keep_host:
        return dict(facts)
    return {key: value for key, value in facts.items() if key.lower() not in PRIVATE_FACT_KEYS}


def scrubber(hosts: Collection[str], keep: Collection[str], *, hosts_asked: bool, paths_asked: bool) -> Scrubber:
    """Return the scrubber for what was asked for."""
    wanted = () if hosts_asked else tuple(sorted(hosts, key=len, reverse=True))
    return Scrubber(wanted, frozenset(keep), not paths_asked)


def _strings(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    if isinstance(value, Mapping):
        return [text for key, item in value.items() for text in (str(key), *_strings(item))]
    if isinstance(value, list | tuple):
        return [text for item in value for text in _strings(item)]
    return []
