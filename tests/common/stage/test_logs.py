"""Logs of runs where they cannot be written."""

import logging

from stages.common.stage.logs import _File


def test_a_log_for_which_the_disk_has_no_room_is_silent(capfd):
    handler = _File("/dev/full", encoding="utf-8")
    handler.handle(logging.makeLogRecord({"msg": "broken off"}))
    assert capfd.readouterr().err == ""


def test_other_errors_of_a_log_are_shown(capfd):
    handler = _File("/dev/null", encoding="utf-8")
    handler.handle(logging.makeLogRecord({"msg": "%d", "args": ("no number",)}))
    assert "Logging error" in capfd.readouterr().err
