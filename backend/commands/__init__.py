"""The commands of `memory-mirror`, one module each. A module has

    configure(parser)         adds the command's arguments
    run(arguments) -> int     does it and returns the exit code

and is imported only when its command is called, so it may import what it needs. What a user can
cause and cure (a taken port, a bad schema) is raised as `CommandError`; anything else is a defect
and shows its traceback. Names and help lines stand in backend/cli.py.
"""

from __future__ import annotations
