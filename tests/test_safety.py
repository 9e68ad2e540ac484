"Nothing is written, removed, waited for or shown that nobody asked for"
import json
import os
import stat

import pytest

from ganad.core import DataError, GanadError, atomic, write_json

posix = pytest.mark.skipif(os.name=='nt', reason='rights, links and locks are those of POSIX')


# Where files are written

@posix
@pytest.mark.parametrize('rights', [0o600, 0o640, 0o664, 0o666])
def test_a_file_keeps_its_rights(tmp_path, rights):
    path = tmp_path/'a.json'
    path.write_text('{}')
    path.chmod(rights)
    with atomic(path) as temporary:
        assert not stat.S_IMODE(temporary.stat().st_mode) & ~rights, 'never open to more people'
        temporary.write_text('{"a": 1}')
    assert (stat.S_IMODE(path.stat().st_mode), path.read_text())==(rights, '{"a": 1}')


@posix
def test_a_new_file_has_the_rights_of_new_files_and_no_other_thread_notices(tmp_path, monkeypatch):
    monkeypatch.setattr(os, 'umask', None)                           # whoever calls it fails
    (tmp_path/'usual').write_text('')
    write_json(tmp_path/'ours', {})
    assert (tmp_path/'ours').stat().st_mode==(tmp_path/'usual').stat().st_mode


@posix
@pytest.mark.parametrize('there', [True, False])
def test_a_link_stays_and_what_it_leads_to_is_written(tmp_path, there):
    (tmp_path/'elsewhere').mkdir()
    target, link = tmp_path/'elsewhere/a.json', tmp_path/'a.json'
    if there: target.write_text('{}')
    link.symlink_to(target)
    write_json(link, dict(a=1))
    assert link.is_symlink() and json.loads(target.read_text())==dict(a=1)
    assert {*tmp_path.iterdir()}=={target.parent, link} and [*target.parent.iterdir()]==[target]


@posix
def test_a_link_to_itself_is_one_line(tmp_path):
    link = tmp_path/'a.json'
    link.symlink_to(link)
    with pytest.raises(DataError) as error: write_json(link, {})
    assert error.value.file==link and link.is_symlink()


def test_what_a_killed_process_left_is_removed_and_nothing_else(tmp_path):
    mine = ['a.json', '.a.json.tmp', '.a.json.backup-1.tmp', '.b.json.deadbeef.tmp', 'a.json.deadbeef.tmp']
    for name in mine: (tmp_path/name).write_text('')
    (tmp_path/'.a.json.deadbee2.tmp').mkdir()
    for name in ('.a.json.deadbeef.tmp', '.a.json.k2_x9abc.tmp'): (tmp_path/name).write_text('half')
    write_json(tmp_path/'a.json', {})
    assert {path.name for path in tmp_path.iterdir()}=={*mine, '.a.json.deadbee2.tmp'}


@posix
def test_what_another_process_is_writing_stays(tmp_path):
    with atomic(tmp_path/'a.json') as theirs:
        pid = os.fork()
        if not pid:
            write_json(tmp_path/'a.json', dict(by='me'))
            os._exit(0)
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])==0 and theirs.exists()
        theirs.write_text('{"by": "them"}')
    assert json.loads((tmp_path/'a.json').read_text())==dict(by='them')
    assert len([*tmp_path.iterdir()])==1
