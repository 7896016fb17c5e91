"""What ``-v``, ``-vv`` and ``--log-file`` tell about a run."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import TYPE_CHECKING

from vidcolor.cli.console import settings_line
from vidcolor.config import RunSettings

if TYPE_CHECKING:
    from vidcolor.report import RunReport

log = logging.getLogger("vidcolor.cli")

COLOR_NOTICE = "the source is in colour"
"""How the notice begins that a user should see even where only the summary is looked at: the
colours that the film had are about to be replaced."""


def tell_settings(settings: RunSettings) -> None:
    """The settings of all films."""
    log.info("preset %s: %s", settings.preset, settings.description)
    log.debug("settings %s", settings_line(settings))


def tell_start(source: str, output: object) -> None:
    """A film begins."""
    log.info("source %s", source)
    log.info("output %s", output)


def tell_report(report: RunReport, rows: Iterable[tuple[str, str]]) -> None:
    """A film is done.

    Parameters
    ----------
    rows:
        The summary's, without what is told here.
    """
    tell_notices(report.source, report.notices)
    heading = ""
    for name, value in rows:
        heading = name or heading
        if heading not in ("notice", "ms/frame"):
            log.info("%s: %s", heading, value)
    for name, milliseconds in report.stage_ms.items():
        log.debug("stage %s: %.2f ms/frame", name, milliseconds)
    log.info("wrote %s", report.output)


def tell_notices(source: str, notices: Iterable[str]) -> None:
    """What was noticed about a film; one that is in colour already is worth a warning."""
    for notice in notices:
        level = logging.WARNING if notice.startswith(COLOR_NOTICE) else logging.INFO
        log.log(level, "%s: %s", source, notice)
