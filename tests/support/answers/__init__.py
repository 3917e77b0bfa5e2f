"""Solutions of all exercises and plausible mistakes, a module per notebook as in ``handlib.exercises``.

A module's ``DIAGNOSED`` has mistakes by words that their hints must hold.
"""

import importlib
import pkgutil

SOLUTIONS, MISTAKES, DIAGNOSED = {}, {}, {}
for _module in pkgutil.iter_modules(__path__, prefix=f"{__name__}."):
    _answers = importlib.import_module(_module.name)
    SOLUTIONS.update(_answers.SOLUTIONS)
    MISTAKES.update(_answers.MISTAKES)
    DIAGNOSED.update(getattr(_answers, "DIAGNOSED", {}))
