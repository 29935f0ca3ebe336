"""Every page of the console, wide and narrow, light and dark: nothing to stumble over."""

import pytest
from django.test import Client

from k8s4r.access.models import User
from tests.pages import addresses, inspecting, showcase
from tests.pages.looking import NARROW, WIDE


@pytest.fixture(scope="module")
def paths(shown):
    client = Client()
    client.force_login(User.objects.get(username=showcase.OPERATOR))
    found = addresses.pages(client, shown.samples())
    assert len(found) > 20
    return found


def test_every_page_can_be_used_at_both_widths_in_both_schemes(console, paths):
    faults = []
    for path in paths:
        console.open(path)
        for size in (WIDE, NARROW):
            for scheme in ("light", "dark"):
                console.dress(size, scheme)
                where = f"{path} {size[0]} {scheme}"
                faults += [f"{where}: {fault}" for fault in inspecting.faults(console.page)]
        faults += [f"{path}: {complaint}" for complaint in console.complaints]
        console.complaints.clear()
    assert faults == [], "\n" + "\n".join(faults)
