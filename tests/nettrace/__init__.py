# SPDX-License-Identifier: BSD-2-Clause
"""A strict reader of nettrace files, version 6, and a maker of files that break one rule each; for tests only.

Written from the format's published description (NetTraceFormat.md and UniversalProviders.md of microsoft/perfview) and
from what TraceEvent, the library that reads such files, does with them; not from our writer. container.py knows blocks
and rows, universal.py what the events of the Universal providers mean, maker.py writes files that break rules.
"""

from nettrace.container import RULES as CONTAINER_RULES, Broken
from nettrace.universal import RULES as UNIVERSAL_RULES, Trace, read

RULES = {**CONTAINER_RULES, **UNIVERSAL_RULES}
