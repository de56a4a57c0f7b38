"""Accounts are Django's own; here each of their forms may be sent twice, as by two clicks."""

from django.contrib.auth import get_user_model, login, update_session_auth_hash, views
from django.contrib.auth.forms import AuthenticationForm, UserCreationForm, UsernameField
from django.db import IntegrityError
from django.shortcuts import redirect
from django.urls import path
from django.views.generic import CreateView

from chat.converters import LONGEST_NAME

from . import origins


class NameField(UsernameField):
    def widget_attrs(self, widget):
        # Too long a name is refused with a sentence: a browser would cut it without a word.
        return super().widget_attrs(widget) | {"maxlength": False}


class SignUpForm(UserCreationForm):
    username = NameField(max_length=LONGEST_NAME, help_text="Letters, digits and @ . + - _ only.")


class SentTwice:
    """A form with a new password: if the same form has done the work already, it is done too."""

    is_done = False

    def dispatch(self, request, *args, **kwargs):
        response = super().dispatch(request, *args, **kwargs)
        name = request.POST.get("username") or request.user.get_username()
        data = {"username": name, "password": request.POST.get(self.new_password)}
        form = AuthenticationForm(request, data)
        if self.is_done or not form.is_valid():
            return response
        login(request, form.get_user())
        return redirect(self.get_success_url())


class PasswordChangeView(SentTwice, views.PasswordChangeView):
    new_password = "new_password1"
    success_url = "/"

    def form_valid(self, form):
        old, user = form.user.password, form.save(commit=False)
        # Only if nothing else was stored meanwhile; and no other field of the user.
        users = get_user_model().objects.filter(pk=user.pk, password=old)
        self.is_done = users.update(password=user.password)
        if self.is_done:
            update_session_auth_hash(self.request, user)
        return redirect(self.success_url if self.is_done else "password_change")


class SignUpView(SentTwice, views.RedirectURLMixin, CreateView):
    form_class = SignUpForm
    next_page = "index"
    new_password = "password1"

    def get_context_data(self, **kwargs):
        return super().get_context_data(next=self.get_redirect_url(), **kwargs)

    def form_valid(self, form):
        try:
            response = super().form_valid(form)
        except IntegrityError:  # by now the name is taken
            return self.post(self.request)
        self.is_done = True
        login(self.request, self.object)
        return response


def csrf_failure(request, reason=""):
    """The page of a form with an old token. A login that was sent twice has one, and is done."""
    is_login = request.resolver_match.url_name in ("login", "signup")
    name = request.user.get_username()
    if is_login and name and name == request.POST.get("username", "").strip():
        return redirect(views.LoginView(request=request).get_success_url())
    return origins.csrf_failure(request, reason)


def account(view, title):
    return view.as_view(template_name="chat/account.html", extra_context={"title": title})


urlpatterns = [
    path("signup/", account(SignUpView, "Sign up"), name="signup"),
    path("login/", account(views.LoginView, "Log in"), name="login"),
    path("logout/", views.LogoutView.as_view(), name="logout"),
    path(
        "password_change/", account(PasswordChangeView, "Change password"), name="password_change"
    ),
]
