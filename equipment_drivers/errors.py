"""How a device fails: the drivers' own Fault family, with stable codes and the facts of each sentence."""

from typing import Any, ClassVar


class DriverFault(Exception):
    """The device, its link or its binding failed. `code` is stable; `facts` fill the sentence in."""

    code: ClassVar[str] = "device-fault"

    def __init__(self, detail: str, **facts: Any) -> None:
        super().__init__(detail)
        self.detail = detail
        self.facts = {"detail": detail, **facts}


class ConnectionLost(DriverFault):
    """The device does not answer; the driver tries again by itself."""

    code = "device-unreachable"


class AuthenticationFailed(DriverFault):
    """The device refused our user or password; a person must correct the secret."""

    code = "device-authentication-failed"


class CertificateRefused(DriverFault):
    """One side does not trust the other's certificate; a person must decide about trust."""

    code = "device-certificate-untrusted"


class ConfigurationFault(DriverFault):
    """The node map and the device do not fit, or the file breaks the rules of a node map."""

    code = "node-map-unfit"


class NodesMissing(ConfigurationFault):
    """The device lacks nodes that the map names; `missing` lists all of them as `tag (node)`."""

    code = "node-map-node-missing"

    def __init__(self, missing: tuple[str, ...]) -> None:
        super().__init__(f"the device does not have: {', '.join(missing)}", missing=missing)
        self.missing = missing


class NodeMapRefused(ConfigurationFault):
    """The file is no node map; `where` is the path of the offending key."""

    code = "node-map-malformed"

    def __init__(self, where: str, why: str) -> None:
        super().__init__(f"{where}: {why}", where=where, why=why)
        self.where = where


class DeviceDiffers(ConfigurationFault):
    """The device's BuildInfo is not the one the map was made for."""

    code = "node-map-other-device"


class NotLoopback(ConfigurationFault):
    """A simulator was told to listen where others could reach it."""

    code = "simulator-not-loopback"
