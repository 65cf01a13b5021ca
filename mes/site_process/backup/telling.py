"""Records what the console did about backups in the site's ledger, whether the site runs or not."""

from mes.ledger.events import encode
from mes.settings import SiteSettings
from mes.site_process.admin_socket import act
from mes.site_process.backup.events import BackupMade, RestoreDrilled


def tell_site(settings: SiteSettings, event: BackupMade | RestoreDrilled) -> None:
    """Append an event about the site, through the running site or here where none runs."""
    command = "backups.made" if isinstance(event, BackupMade) else "backups.drilled"
    act(settings, command, encode(event))
