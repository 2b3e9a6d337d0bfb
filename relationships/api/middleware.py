"""Under `/api/` every refusal is a problem document, whoever refuses: a middleware, Django, a mistake of ours."""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

from .errors import MEDIA_TYPE, answer, of_status

PREFIX = "/api/"


class Problems:
    """Puts a problem in the place of any other body of 400 and above. Stands before whatever may refuse."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        if response.status_code < 400 or not request.path_info.startswith(PREFIX):
            return response
        if response.headers.get("Content-Type") == MEDIA_TYPE:
            return response
        return answer(request, of_status(response.status_code))
