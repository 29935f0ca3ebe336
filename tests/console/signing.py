"""How do people sign in in tests of pages: by a password, and by a code after it?"""

from django.test import Client
from django.urls import reverse

from k8s4r import clock
from tests.factors import PASSWORD, code_of

LOGIN, CODE, HOME = "/admin/login/", "/admin/login/code/", "/admin/"
TASKS = "/admin/executors/task/?state=pending"


def password(client=None, name="olga", text=PASSWORD, following=HOME):
    """Give a name and a password; return the browser and what it was answered."""
    client = client or Client()
    form = {"username": name, "password": text, "next": following}
    return client, client.post(LOGIN, form)


def signed_in(user):
    """Sign in with password and code, and return the browser."""
    client, _ = password(name=user.username)
    assert client.post(CODE, {"code": code_of(user, now=clock.now())}).status_code == 302
    return client


def is_in(client):
    """Say whether this browser is signed in and may look around."""
    return client.get(HOME).status_code == 200


def account(client, **form):
    """Open the page of the account, or ask something of it."""
    path = reverse("account")
    if not form:
        return client.get(path)
    return client.post(path, {"password": PASSWORD, **form})
