"""All widgets and figures: a module per mechanism with its name, and shared parts in ``core``.

Names are imported when they are first used, so that nobody waits for widgets that aren't shown.
"""

from lazy_loader import attach_stub

__getattr__, __dir__, __all__ = attach_stub(__name__, __file__)
