"""Each bed whose monitor speaks has a process of its own, and a later start goes on where the story stands."""

import os
import time
from pathlib import Path

from bothwell.demo import cast
from bothwell.demo.monitor import arguments
from bothwell.running.roles import Logins
from bothwell.running.secrets import Secrets, prepare_home
from bothwell.running.serve import Process, Wish, loaded_for_s, monitor_words, parts_of

LOGINS = Logins(admin="the admin's", owner="the owner's", web="the web's", work="the worker's")


def test_every_monitor_that_speaks_is_started_with_its_own_identifier(tmp_path: Path) -> None:
    wish = Wish(tmp_path, demo=True, device_port=2600)
    parts = parts_of(Process.MONITOR, wish, Secrets(), LOGINS, {})
    told = [arguments(list(part.command[3:])) for part in parts]
    speaking = [bed for bed in cast.ALDER.beds if bed.is_fed]
    assert [one.device for one in told] == [bed.device for bed in speaking]
    assert [one.seed for one in told] == [bed.signal for bed in speaking]
    assert {one.port for one in told} == {2600}
    assert [part.name for part in parts] == ["room 2", "room 3", "room 4"]


def test_other_processes_stay_one_each(tmp_path: Path) -> None:
    wish = Wish(tmp_path, demo=True)
    for each in (Process.WEB, Process.WORK, Process.LISTEN):
        assert [part.name for part in parts_of(each, wish, Secrets(), LOGINS, {})] == [each.value]


def test_a_later_start_goes_on_where_the_story_stands(tmp_path: Path) -> None:
    prepare_home(tmp_path)
    assert loaded_for_s(tmp_path) == 0
    stamp = tmp_path / "run" / "loaded.stamp"
    stamp.write_text("once")
    an_hour_ago = time.time() - 3600
    os.utime(stamp, (an_hour_ago, an_hour_ago))
    assert 3599 < loaded_for_s(tmp_path) < 3660
    bed = cast.ALDER.beds[0]
    words = monitor_words(bed, 3600)
    assert words[words.index("--start") + 1] == str(bed.story_seconds + 3600)
