def no_store(get_response):
    """Let no browser keep a user's page: after the logout, Back would show it again."""

    def answer(request):
        response = get_response(request)
        if request.user.is_authenticated:
            response["Cache-Control"] = "no-store"
        return response

    return answer
