"""The vein-to-vein clock: when the infusion is expected, what is left until its deadline, and what ate it.

It informs, escalates and demands recorded decisions; it never certifies or rejects.
"""

from mes.schedule.forecaster import VeinToVein
from mes.schedule.notices import Notice, notices
from mes.schedule.outlook import Eaten, Outlook, outlook

__all__ = ["Eaten", "Notice", "Outlook", "VeinToVein", "notices", "outlook"]
