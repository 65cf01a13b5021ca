"""The CliniMACS Prodigy in neutral terms. Its real address space is not public: only our simulator's map ships."""

from equipment_drivers.prodigy.driver import ACTIVITIES, SIMULATOR_MAP, ProdigyDriver

__all__ = ["ACTIVITIES", "SIMULATOR_MAP", "ProdigyDriver"]
