"""Micro-tasks: small trainings that isolate one mechanism of DIR and decide what the paper claims of it.

Each micro-task trains a few networks from DIR's own modules for seconds, with three seeds, and compares rows
of equal capacity in pairs (:mod:`handlib.analysis.micro_tasks.result`). ``handlib claims --run NAME`` runs a
micro-task. ``data_samples/micro_tasks`` holds the results that ship; ``python scripts/build/micro_tasks.py``
measures all of them anew.
"""
