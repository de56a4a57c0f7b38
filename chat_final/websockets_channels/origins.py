"""No browser stops a foreign page from opening a socket here – with the cookies of this site."""

from django.conf import settings
from django.http.request import split_domain_port, validate_host


class SameOriginOnly:
    """Let in only what a page of this very site has opened: same scheme, same host, same port."""

    def __init__(self, application, refusal):
        self.application, self.refusal = application, refusal

    async def __call__(self, scope, receive, send):
        application = self.application if is_same_origin(scope) else self.refusal
        await application(scope, receive, send)


def is_same_origin(scope):
    """The rule by which Django lets a form post in; programs that name no origin stay outside."""
    headers = dict(scope["headers"])
    origin, host = (headers.get(name, b"").decode("latin-1") for name in (b"origin", b"host"))
    domain, _ = split_domain_port(host)
    # Not the scope's scheme: a proxy may have taken the TLS off, and Daphne gives none at all.
    scheme = "https" if settings.SECURE_SSL_REDIRECT else "http"
    is_ours = validate_host(domain, settings.ALLOWED_HOSTS) and origin == f"{scheme}://{host}"
    return is_ours or origin in settings.CSRF_TRUSTED_ORIGINS
