"""`mes validation`: the traceability matrix of requirements and tests."""

import csv
import json
import sys
from pathlib import Path

import click

from mes.cli.house import House
from mes.errors import Refusal


@click.group(cls=House)
def validation() -> None:
    """What an inspector asks about validation."""


@validation.command("matrix")
@click.option("--tests", type=click.Path(path_type=Path), default=Path("tests"), show_default=True)
@click.option(
    "--results", type=click.Path(path_type=Path), default=Path("var/test-results.xml"), show_default=True,
    help="JUnit file of the last `make test`; without it nothing counts as run",
)  # fmt: skip
@click.option("--only", "prefix", default="", help="ids that begin so, e.g. REG-P11")
@click.option("--format", "form", type=click.Choice(["text", "csv", "json"]), default="text", show_default=True)
def matrix_(tests: Path, results: Path, prefix: str, form: str) -> None:
    """Print requirement, tests and result; ends with 1 for an unknown id, a failed test or an essential gap."""
    from mes.validation.demanded import demanded
    from mes.validation.matrix import matrix
    from mes.validation.register import read_requirements
    from mes.validation.showings import outcomes, showings

    if not tests.is_dir():
        raise Refusal("tests-missing", status=404, path=str(tests))
    register = read_requirements()
    found = matrix(register, showings(tests), outcomes(results) if results.is_file() else None)
    rows = [row for row in found.rows if row.requirement.id.startswith(prefix)]
    if form == "text":
        click.echo(f"{'id':<18}{'':<3}{'shown by':>9}{'refusals':>9}  {'result':<9} requirement")
        for row in rows:
            star = "★" if row.requirement.essential else ""
            counts = f"{len(row.positive):>9}{len(row.negative):>9}"
            click.echo(f"{row.requirement.id:<18}{star:<3}{counts}  {row.result:<9} {row.requirement.text[:70]}")
    else:
        table = [
            {
                "id": row.requirement.id, "essential": row.requirement.essential, "risk": row.requirement.risk,
                "clause": row.requirement.clause, "clause_status": row.requirement.clause_status,
                "positive": " ".join(row.positive), "negative": " ".join(row.negative), "result": row.result,
            }
            for row in rows
        ]  # fmt: skip
        if form == "json":
            click.echo(json.dumps(table, ensure_ascii=False, indent=1))
        elif table:
            sheet = csv.DictWriter(sys.stdout, fieldnames=list(table[0]))
            sheet.writeheader()
            sheet.writerows(table)
    problems = found.problems(demanded(register))
    for problem in problems:
        click.echo(problem, err=True)
    if problems:
        raise SystemExit(1)
