"""The ground of the tests: real commits stay in their own database, and reach other processes."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.contrib.auth.models import Group
from django.db import connection, transaction

ROOT = Path(__file__).resolve().parents[1]


def groups_seen_elsewhere(url):
    script = (
        "import django; django.setup()\n"
        "from django.contrib.auth.models import Group\n"
        "print(Group.objects.filter(name='made here').count())\n"
    )
    environment = dict(os.environ, DATABASE_URL=url)
    ran = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, env=environment, capture_output=True, text=True, check=True
    )
    return int(ran.stdout)


def test_a_real_commit_is_seen_by_another_process(real_commits):
    with transaction.atomic():
        Group.objects.create(name="made here")
        assert groups_seen_elsewhere(real_commits) == 0
    assert groups_seen_elsewhere(real_commits) == 1


@pytest.mark.django_db
@pytest.mark.parametrize("time", [1, 2])
def test_a_real_commit_is_gone_with_its_test(request, time):
    assert not Group.objects.filter(name="made here").exists()
    request.getfixturevalue("real_commits")
    assert not connection.in_atomic_block
    assert not Group.objects.filter(name="made here").exists()
    Group.objects.create(name="made here")


@pytest.mark.usefixtures("real_commits")
def test_work_on_commit_happens():
    done = []
    with transaction.atomic():
        transaction.on_commit(lambda: done.append(True))
    assert done == [True]
