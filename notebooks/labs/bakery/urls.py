"""The site's pages: order a cake, and ask what became of a job."""

from django.db import transaction
from django.http import HttpResponse
from django.urls import path
from django.views.decorators.http import require_POST

from .models import Order
from .tasks import STATES, WAYS, kitchen, note

# A view does more in its transaction than give a job: here it waits so long for the job to begin.
MORE_TO_DO_SECONDS = 1


@require_POST
def order(request, way, cake):
    with transaction.atomic():
        Order.objects.create(cake=cake)
        job = WAYS[way](cake)
        kitchen.blpop(f"begun {cake}", MORE_TO_DO_SECONDS)
        if "fails" in request.GET:
            transaction.set_rollback(True)
    note(cake, "rolled back" if "fails" in request.GET else "committed")
    return HttpResponse(getattr(job, "id", ""))


def state(request, way, job):
    return HttpResponse(STATES[way](job))


urlpatterns = [
    path("", lambda request: HttpResponse("Cakes!")),
    path("order/<way>/<cake>/", order),
    path("state/<way>/<job>/", state),
]
