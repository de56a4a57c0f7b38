"""What every page says of itself: with two tabs open, one can see which of them is which."""

from django.conf import settings


def where_from(request):
    return {
        "stage": settings.BASE_DIR.name,
        "instance": settings.INSTANCE,
        # Of the process that answers: behind a proxy the browser's address has another.
        "port": request.META["SERVER_PORT"],
    }
