"""No browser stops a foreign page from opening a socket here – with the cookies of this site."""

import logging

from django.conf import settings
from django.http.request import split_domain_port, validate_host
from django.middleware.csrf import REASON_BAD_ORIGIN
from django.shortcuts import render

logger = logging.getLogger(__name__)


class SameOriginOnly:
    """Let in only what a page of this very site has opened: same scheme, same host, same port."""

    def __init__(self, application, refusal):
        self.application, self.refusal = application, refusal

    async def __call__(self, scope, receive, send):
        application = self.application if is_same_origin(scope) else self.refusal
        await application(scope, receive, send)


def is_same_origin(scope):
    """The rule by which Django lets a form post in; programs that name no origin stay outside."""
    headers = {name: value.decode("latin-1") for name, value in scope["headers"]}
    origin, host = headers.get(b"origin", ""), headers.get(b"host", "")
    domain, _ = split_domain_port(host)
    # Not the scope's scheme: a proxy may have taken the TLS off, and Daphne gives none at all.
    is_secure = settings.SECURE_SSL_REDIRECT or headers.get(b"x-forwarded-proto") == "https"
    ours = f"{'https' if is_secure else 'http'}://{host}"
    is_ours = validate_host(domain, settings.ALLOWED_HOSTS) and origin == ours
    if is_ours or origin in settings.CSRF_TRUSTED_ORIGINS:
        return True
    what = "Refused a socket of another origin, see TRUSTED_ORIGINS"
    logger.warning(what, extra={"origin": origin, "expected": origins(ours)})
    return False


def origins(ours):
    """The origins whose pages are let in: that of a request's host, and the trusted ones."""
    return [ours, *settings.CSRF_TRUSTED_ORIGINS]


def origins_of(request):
    return origins(f"{request.scheme}://{request.get_host()}")


def csrf_failure(request, reason=""):
    """The page of a refused form. If its origin was the reason, it says what can be done."""
    origin = request.headers.get("Origin")
    foreign = {"origin": origin, "expected": origins_of(request)}
    context = foreign if reason == REASON_BAD_ORIGIN % origin else {}
    return render(request, "403_csrf.html", context, status=403)
