"""The tree of commands."""

from __future__ import annotations

import typer

from service.cli import (
    backup,
    database,
    local,
    prune,
    report_file,
    reproduce,
    serve,
    studies,
    tensorboard,
    token,
    trials,
    workers,
)

app = typer.Typer(
    name="stagetune",
    help="Staged hyperparameter search: learning rate, then batch size and momentum, then decay.",
    epilog="Begin with: stagetune demo",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)

app.command("demo", epilog="Example: stagetune demo --quick")(local.demo)
app.command("run", epilog="Example: stagetune run study.yaml --data-dir my-study")(local.run)
app.command("serve", epilog="Example: stagetune serve --port 8080 --database-url sqlite:///stagetune.db")(serve.serve)
app.command("submit", epilog="Example: stagetune submit study.yaml --watch")(studies.submit)
app.command("list", epilog="Example: stagetune list --state running --tag vision")(studies.list_studies)
app.command("show", epilog="Example: stagetune show digits-cnn")(studies.show)
app.command("watch", epilog="Example: stagetune watch digits-cnn")(studies.watch)
app.command("pause", epilog="Example: stagetune pause digits-cnn")(studies.pause)
app.command("resume", epilog="Example: stagetune resume digits-cnn")(studies.resume)
app.command("cancel", epilog="Example: stagetune cancel digits-cnn")(studies.cancel)
app.command("approve", epilog="Example: stagetune approve digits-cnn")(studies.approve)
app.command("archive", epilog="Example: stagetune archive digits-cnn")(studies.archive)
app.command("unarchive", epilog="Example: stagetune unarchive digits-cnn")(studies.unarchive)
app.command(
    "trials", epilog="Example: stagetune trials digits-cnn --filter 'lr < 0.1' --sort dev_accuracy --descending"
)(trials.trials)
app.command("best", epilog="Example: stagetune best digits-cnn --format python > best.py")(studies.best)
app.command("report", epilog="Example: stagetune report digits-cnn --out report.html")(report_file.report)
app.command("export", epilog="Example: stagetune export digits-cnn --format csv > trials.csv")(studies.export)
app.command("reproduce", epilog="Example: stagetune reproduce digits-cnn/12")(reproduce.reproduce)
app.command("tensorboard", epilog="Example: stagetune tensorboard digits-cnn --out runs")(tensorboard.tensorboard)
app.add_typer(workers.app, name="workers", epilog="Example: stagetune workers")
app.command("prune", epilog="Example: stagetune prune --older-than 30d --dry-run")(prune.prune)
app.command("backup", epilog="Example: stagetune backup stagetune-2026-11-22.db")(backup.backup)
app.add_typer(database.app, name="db")
app.add_typer(token.app, name="token")
