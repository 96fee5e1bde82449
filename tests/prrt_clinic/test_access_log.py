"""The access log: nothing that a stranger sends ends a line, and what is harmless stays as it was."""

import pytest

from prrt_clinic.access_log import OneLineAtoms

FORMAT = '%(m)s %(U)s %(s)s %({User-Agent}i)s %(M)sms "%(q)s" %(x)s'


@pytest.mark.parametrize(
    ("sent", "written"),
    [
        ("/admin/", "/admin/"),
        ("/a\nGET /forged 200", r"/a\nGET /forged 200"),
        ("/a\r\x1b[31m", r"/a\r\x1b[31m"),
        ("/a\x85\x7f\u2028", r"/a\x85\x7f\u2028"),
        ("/calendar/3q_x-9Zk.ics", "/calendar/(secret)"),
    ],
)
def test_a_request_is_one_line(sent, written):
    atoms = OneLineAtoms({"m": "GET", "U": sent, "s": "200", "M": 3, "{user-agent}i": sent, "q": 'x"y'})
    assert FORMAT % atoms == f'GET {written} 200 {written} 3ms "x\\"y" -'
