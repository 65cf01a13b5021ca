"""The way through the provider in a real browser: what cookies really do on the way back from another site."""

import threading
from pathlib import Path

from werkzeug.serving import make_server

from tests.browser import open_browser, open_page
from tests.journeys.house import build_house, employed
from tests.people.oidc_provider import CLIENT, SECRET, running
from tests.site_process.test_serve import free_port


def test_somebody_comes_in_through_the_hospital_and_stays(tmp_path: Path) -> None:
    """The provider (127.0.0.1) is another site than Septima (localhost): Strict cookies stay away on the way back."""
    port, keys = free_port(), tmp_path / "site" / "keys"
    with running(f"http://localhost:{port}/oidc/callback") as provider:
        keys.mkdir(parents=True, mode=0o700)
        (keys / "oidc.secret").write_text(SECRET)
        (keys / "oidc.secret").chmod(0o600)
        house = build_house(tmp_path / "site", web_port=port, oidc_issuer=provider.issuer, oidc_client_id=CLIENT,
                            oidc_client_secret_file="oidc.secret")  # fmt: skip
        people = employed(house)
        people["admin"].act(f"/api/people/{people['operator'].id}/oidc", subject="u-4711", reason="badge seen")
        server = make_server("localhost", port, house.app, threaded=True)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            with open_browser() as browser, open_page(browser, f"http://localhost:{port}") as page:
                page.goto("/sign-in")
                page.get_by_role("button", name="Sign in through the hospital").click()
                page.wait_for_url("**/batches")
                assert page.locator(".who strong").inner_text() == people["operator"].name
                page.reload()
                assert page.locator(".who strong").inner_text() == people["operator"].name
        finally:
            server.shutdown()
            thread.join()
            server.server_close()
            house.close()
