"""Everything drawn: a module per mechanism, under its name, and in ``core`` what they share.

Names are imported when they are first asked for, so that nobody waits for a widget that he doesn't show.
"""

from lazy_loader import attach_stub

__getattr__, __dir__, __all__ = attach_stub(__name__, __file__)
